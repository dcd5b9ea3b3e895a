// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/inbox.hpp>

namespace weir::detail {

/// What belongs to several threads: the last that releases it destroys it.
class shared_by_threads {
public:
    shared_by_threads(const shared_by_threads&) = delete;
    shared_by_threads& operator=(const shared_by_threads&) = delete;

    // Whoever retains it has it already.
    void retain() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // acq_rel: the last sees all that the others have done.
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

protected:
    explicit shared_by_threads(int owners) noexcept : owners_{owners} {}
    virtual ~shared_by_threads() = default;

private:
    std::atomic<int> owners_;
};

/// How one thread wakes another one's waker. It is part of something that both own.
class doorbell final : private inbox_entry {
public:
    explicit doorbell(shared_by_threads& owner) noexcept : owner_{owner} {}

    // On the thread of whoever waits.

    void bind(std::shared_ptr<inbox> to) noexcept { inbox_ = std::move(to); }
    bool bound() const noexcept { return inbox_ != nullptr; }
    void wait(context& cx) noexcept { waiter_.arm(cx.waker()); }
    /// It waits no more.
    void leave() noexcept { waiter_.disarm(); }

    // On any thread that knows that it is bound.

    void ring() noexcept {
        // Pairs with the exchange in run(): who is not rung for sees what was done before.
        if (rung_.exchange(true, std::memory_order_acq_rel)) return;
        owner_.retain();
        const std::shared_ptr<inbox> to = inbox_; // which may be gone before `enter` returns
        if (!to->enter(*this)) owner_.release();
    }

private:
    void run() noexcept override {
        rung_.exchange(false, std::memory_order_acq_rel);
        waiter_.wake();
        owner_.release();
    }
    void discard() noexcept override { owner_.release(); }

    shared_by_threads& owner_;
    std::shared_ptr<inbox> inbox_;
    waker_slot waiter_;
    std::atomic<bool> rung_ = false;
};

} // namespace weir::detail

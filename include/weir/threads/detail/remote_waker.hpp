// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/inbox.hpp>

namespace weir::detail {

/// Base of an object that several threads own. The last owner to release it destroys it.
class atomic_ref_counted {
public:
    atomic_ref_counted(const atomic_ref_counted&) = delete;
    atomic_ref_counted& operator=(const atomic_ref_counted&) = delete;

    // relaxed: a caller that retains it is an owner already.
    void retain() noexcept { owners_.fetch_add(1, std::memory_order_relaxed); }
    void release() noexcept {
        // acq_rel: the last owner sees all writes of the others.
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

protected:
    explicit atomic_ref_counted(int owners) noexcept : owners_{owners} {}
    virtual ~atomic_ref_counted() = default;

private:
    std::atomic<int> owners_;
};

/// Owns one reference to an object.
template <class T>
class counted_pointer {
public:
    counted_pointer() noexcept = default;
    /// Takes over a reference of the caller's.
    explicit counted_pointer(T* object) noexcept : object_{object} {}
    counted_pointer(const counted_pointer& other) noexcept : object_{other.object_} {
        if (object_ != nullptr) object_->retain();
    }
    counted_pointer(counted_pointer&& other) noexcept : object_{std::exchange(other.object_, nullptr)} {}
    counted_pointer& operator=(counted_pointer other) noexcept {
        std::swap(object_, other.object_);
        return *this;
    }
    ~counted_pointer() {
        if (object_ != nullptr) object_->release();
    }

    explicit operator bool() const noexcept { return object_ != nullptr; }
    T& operator*() const noexcept { return *object_; }
    T* operator->() const noexcept { return object_; }

private:
    T* object_ = nullptr;
};

/// Wakes a waker from another thread. It is a member of an object that both threads own.
class remote_waker final : private inbox_entry {
public:
    explicit remote_waker(atomic_ref_counted& owner) noexcept : owner_{owner} {}

    // For the waiting thread.

    void bind(std::shared_ptr<inbox> to) noexcept { inbox_ = std::move(to); }
    bool bound() const noexcept { return inbox_ != nullptr; }
    void wait(context& cx) noexcept { waiter_.arm(cx.waker()); }
    /// Stops waiting.
    void leave() noexcept { waiter_.disarm(); }

    // For any thread, once bound.

    void wake() noexcept {
        // Pairs with the exchange in run(): a wake that is merged into an earlier one still publishes this thread's
        // writes.
        if (woken_.exchange(true, std::memory_order_acq_rel)) return;
        owner_.retain();
        const std::shared_ptr<inbox> to = inbox_; // a copy: this object may be destroyed before `enter` returns
        if (!to->enter(*this)) owner_.release();
    }

private:
    void run() noexcept override {
        woken_.exchange(false, std::memory_order_acq_rel);
        waiter_.wake();
        owner_.release();
    }
    void discard() noexcept override { owner_.release(); }

    atomic_ref_counted& owner_;
    std::shared_ptr<inbox> inbox_;
    marked_slot<slot_mark::thread> waiter_;
    std::atomic<bool> woken_ = false;
};

} // namespace weir::detail

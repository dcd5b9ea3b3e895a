// SPDX-License-Identifier: MIT
#pragma once

#include <memory>

#include <weir/core/context.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/inbox.hpp>

namespace weir {

/// An event that any thread may signal and one executor waits for.
///
/// Threads: `notify` may be called on any thread while the object exists; all else on the executor's thread. It may
/// outlive the executor.
class remote_event final : private detail::inbox_entry {
public:
    explicit remote_event(executor& ex) noexcept;
    ~remote_event() { inbox_->leave(*this); }

    void notify() noexcept { inbox_->enter(*this); }

    /// Returns true once for all notifications since the last call. Otherwise the context's waker is woken by the next.
    bool poll(context& cx) noexcept {
        if (notified_) {
            notified_ = false;
            return true;
        }
        waiter_.arm(cx.waker());
        return false;
    }

private:
    void run() noexcept override {
        notified_ = true;
        waiter_.wake();
    }
    void discard() noexcept override {}

    const std::shared_ptr<detail::inbox> inbox_;
    detail::marked_slot<detail::slot_mark::thread> waiter_;
    bool notified_ = false;
};

} // namespace weir

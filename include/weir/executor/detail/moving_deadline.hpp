// SPDX-License-Identifier: MIT
#pragma once

#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>

namespace weir::detail {

/// A deadline that is set anew all the time. To set it stores it: the timer stays armed for an earlier one, finds when
/// it fires that the deadline has moved, and is armed again.
class moving_deadline {
public:
    void set(time_point deadline) noexcept { deadline_ = deadline; }

    time_point deadline() const noexcept { return deadline_; }
    bool passed(const context& cx) const noexcept { return deadline_ <= cx.executor().now(); }

    /// True when it has passed; else the context's waker is woken when it does, and may be woken earlier.
    bool poll(context& cx) {
        if (passed(cx)) return true;
        if (!timer_.armed() || timer_.deadline() > deadline_) timer_.arm(cx.executor(), deadline_);
        static_cast<void>(timer_.poll(cx));
        return false;
    }

    void cancel() noexcept { timer_.cancel(); }

private:
    time_point deadline_{};
    deadline_timer timer_;
};

} // namespace weir::detail

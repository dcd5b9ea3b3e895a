// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/context.hpp>
#include <weir/executor/deadline_timer.hpp>

namespace weir::detail {

/// A deadline for something that is polled. What becomes ready in the turn in which the time runs out still gets
/// through.
class time_limit {
public:
    void set(executor& ex, time_point until) { timer_.arm(ex, until); }

    /// It is not to be enforced any more.
    void stop() noexcept {
        if (timer_.armed()) timer_.cancel();
    }

    /// For a poll that found it pending. True when it is over; else the context's waker is woken when it may be.
    bool over(context& cx) noexcept {
        if (last_turn_) return true;
        if (timer_.poll(cx)) {
            last_turn_ = true;
            static_cast<void>(cx.yield());
        }
        return false;
    }

private:
    deadline_timer timer_;
    bool last_turn_ = false;
};

} // namespace weir::detail

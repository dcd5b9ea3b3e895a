// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/context.hpp>
#include <weir/executor/deadline_timer.hpp>

namespace weir::detail {

/// The deadline of a polled operation. A result that becomes ready in the turn in which the time runs out still counts.
class time_limit {
public:
    void set(executor& ex, time_point until) { timer_.arm(ex, until); }

    /// Stops the time limit.
    void stop() noexcept {
        if (timer_.armed()) timer_.cancel();
    }

    /// To be called when the operation is pending. Returns true when the time is over. Otherwise the context's waker is
    /// woken when it may be.
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

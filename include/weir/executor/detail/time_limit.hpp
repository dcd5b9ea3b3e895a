// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/context.hpp>
#include <weir/executor/deadline_timer.hpp>

namespace weir::detail {

/// The deadline of a polled operation. A result that becomes ready in the turn in which the time runs out still counts.
/// @tparam Timer  deadline_timer, or resettable_deadline for a time limit that is set again often
template <class Timer>
class basic_time_limit {
public:
    void set(executor& ex, time_point until) {
        timer_.arm(ex, until);
        last_turn_ = false;
    }

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
    Timer timer_;
    bool last_turn_ = false;
};

using time_limit = basic_time_limit<deadline_timer>;

} // namespace weir::detail

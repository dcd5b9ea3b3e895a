// SPDX-License-Identifier: MIT
#include <weir/executor/deadline_timer.hpp>

#include <weir/core/assert.hpp>
#include <weir/executor/detail/timer_wheel.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

void deadline_timer::arm(executor& ex, time_point deadline) noexcept {
    WEIR_ASSERT(detail::executor_access::queue(ex).may_be_used_here(),
                "a timer was armed on a thread that does not run its executor");
    detail::executor_access::timers(ex).arm(*this, deadline);
}

void deadline_timer::cancel() noexcept {
    if (armed()) wheel_->cancel(*this);
    state_ = state::idle;
    waiter_.disarm();
}

} // namespace weir

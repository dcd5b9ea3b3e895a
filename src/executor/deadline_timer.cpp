// SPDX-License-Identifier: MIT
#include <weir/executor/deadline_timer.hpp>

#include <weir/executor/detail/timer_wheel.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

void deadline_timer::arm(executor& ex, time_point deadline) noexcept { ex.timers().arm(*this, deadline); }

void deadline_timer::cancel() noexcept {
    if (armed()) wheel_->cancel(*this);
    state_ = state::idle;
    waiter_.disarm();
}

} // namespace weir

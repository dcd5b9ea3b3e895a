// SPDX-License-Identifier: MIT
#include <weir/executor/deadline_timer.hpp>

#include <cstddef>

#include <weir/core/assert.hpp>
#include <weir/executor/detail/timer_wheel.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

void deadline_timer::arm(executor& ex, time_point deadline) noexcept {
    WEIR_ASSERT(detail::executor_access::queue(ex).may_be_used_here(),
                "a timer was armed on a thread that does not run its executor");
    detail::executor_access::timers(ex).arm(*this, deadline);
}

deadline_timer& deadline_timer::of(detail::slot_base& slot) noexcept {
// The offset is a constant: no base is virtual.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Winvalid-offsetof"
    return *reinterpret_cast<deadline_timer*>(reinterpret_cast<char*>(&slot) - offsetof(deadline_timer, waiter_));
#pragma GCC diagnostic pop
}

void deadline_timer::cancel() noexcept {
    if (armed()) wheel_->cancel(*this);
    state_ = state::idle;
    waiter_.disarm();
}

} // namespace weir

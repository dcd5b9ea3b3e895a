// SPDX-License-Identifier: MIT
#pragma once

#include <weir/executor/executor.hpp>

namespace weir::testing {

/// The base of executors under virtual time. The clock stands still while a waker is ready, and then jumps to the next
/// timer or event. See virtual_executor and simulation.
class virtual_time_executor : public executor {
public:
    ~virtual_time_executor() override { shut_down(); }

    /// Returns the virtual time since the start.
    duration elapsed() const noexcept { return now().time_since_epoch(); }

    /// Runs the ready wakers, and then the timers that become due within d. Afterwards the clock stands at now + d, or
    /// later if turns take time.
    /// @throws std::invalid_argument when the clock cannot express that time
    void advance(duration d);

    /// Runs until no waker is ready, no timer is armed, and no I/O in flight can complete. It does not return while a
    /// timer is armed again and again, as by an interval that a task awaits; use `advance` then.
    void run_until_idle();

    /// Runs the ready wakers without advancing the clock.
    void run_ready() { advance(duration::zero()); }

protected:
    using executor::executor;
};

} // namespace weir::testing

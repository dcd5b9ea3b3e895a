// SPDX-License-Identifier: MIT
#pragma once

#include <weir/executor/executor.hpp>

namespace weir::testing {

/// The base of executors under virtual time: the clock stands still while there is anything to do, and then jumps to
/// what is due next. See virtual_executor and simulation.
class virtual_time_executor : public executor {
public:
    ~virtual_time_executor() override { shut_down(); }

    /// Virtual time since the start.
    duration elapsed() const noexcept { return now().time_since_epoch(); }

    /// Runs what is ready, then what becomes due within d. Afterwards the clock stands at now + d, or a little later
    /// where turns take time.
    void advance(duration d);

    /// Runs until nothing is ready, no timer is armed, and no I/O in flight will ever be complete. With an endless
    /// timer (an interval that someone awaits) it does not return: use `advance`.
    void run_until_idle();

    /// Runs what is ready without letting time pass.
    void run_ready() { advance(duration::zero()); }

protected:
    using executor::executor;
};

} // namespace weir::testing

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/executor/executor.hpp>

namespace weir::testing {

/// An executor whose clock stands still until it has nothing else to do, and then jumps to the next timer. Hours of
/// timers pass in no time, and always in the same order. It has no I/O.
///
///     weir::testing::virtual_executor ex;
///     ex.run(weir::interval(1h) | weir::take(24) | weir::drain());   // returns at once; ex.elapsed() == 24h
class virtual_executor : public executor {
public:
    virtual_executor();
    ~virtual_executor() override { shut_down(); }

    /// Virtual time since the start.
    duration elapsed() const noexcept { return now().time_since_epoch(); }

    /// Runs what is ready, then what becomes due within d; the clock stands at now + d afterwards.
    void advance(duration d);

    /// Runs until nothing is ready and no timer is armed. With an endless timer (an interval that someone awaits) it
    /// does not return: use `advance`.
    void run_until_idle();

    /// Runs what is ready without letting time pass.
    void run_ready() { advance(duration::zero()); }
};

} // namespace weir::testing

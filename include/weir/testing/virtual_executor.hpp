// SPDX-License-Identifier: MIT
#pragma once

#include <weir/testing/virtual_time_executor.hpp>

namespace weir::testing {

/// An executor whose clock stands still until it has nothing else to do, and then jumps to the next timer. Hours of
/// timers pass in no time, and always in the same order. It has no I/O.
///
///     weir::testing::virtual_executor ex;
///     ex.run(weir::interval(1h) | weir::take(24) | weir::drain());   // returns at once; ex.elapsed() == 24h
class virtual_executor : public virtual_time_executor {
public:
    virtual_executor();
};

} // namespace weir::testing

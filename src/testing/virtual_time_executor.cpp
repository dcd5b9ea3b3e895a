// SPDX-License-Identifier: MIT
#include <weir/testing/virtual_time_executor.hpp>

#include <stdexcept>

namespace weir::testing {

void virtual_time_executor::advance(duration d) {
    const time_point target = time_after(d);
    // The largest time stands for no limit.
    if (target == time_point::max()) {
        throw std::invalid_argument{"weir::testing: advance(d): the clock cannot express the time after d"};
    }
    do turn(target);
    while (!idle() || now() < target);
}

void virtual_time_executor::run_until_idle() {
    try {
        while (!idle() || stats().timers_armed != 0 || io().in_flight() != 0) turn();
    } catch (const deadlock&) {} // the I/O in flight waits for an event that will not happen
}

} // namespace weir::testing

// SPDX-License-Identifier: MIT
#include <weir/testing/virtual_time_executor.hpp>

namespace weir::testing {

void virtual_time_executor::advance(duration d) {
    const time_point target = now() + d;
    do turn(target);
    while (!idle() || now() < target);
}

void virtual_time_executor::run_until_idle() {
    try {
        while (!idle() || stats().timers_armed != 0 || io().in_flight() != 0) turn();
    } catch (const deadlock&) {} // the I/O in flight waits for an event that will not happen
}

} // namespace weir::testing

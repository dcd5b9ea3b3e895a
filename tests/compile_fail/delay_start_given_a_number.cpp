// SPDX-License-Identifier: MIT
// expect: weir::delay_start(start): takes a duration, a task or another operation

#include <weir/executor/sleep.hpp>
#include <weir/operators/delay_start.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::delay_start(weir::yield());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::delay_start(5);
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::take_until(signal)
// expect: a std::stop_token

#include <stop_token>

#include <weir/operators/take_until.hpp>
#include <weir/source/iota.hpp>

int main() {
    std::stop_source stop;
    auto right = weir::iota(1, 4) | weir::take_until(stop.get_token());
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::take_until(stop);
#endif
}

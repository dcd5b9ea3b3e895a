// SPDX-License-Identifier: MIT
// expect: weir::pace(rate, burst, cost)
// expect: returns no number

#include <string>

#include <weir/operators/pace.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::pace(weir::rate{1}, 1, [](int x) { return x; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::pace(weir::rate{1}, 1, [](int) { return std::string{}; });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::filter(keep)
// expect: does not return a bool

#include <string>

#include <weir/operators/filter.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::filter([](int x) { return x > 1; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::filter([](int x) { return std::to_string(x); });
#endif
}

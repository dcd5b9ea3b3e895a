// SPDX-License-Identifier: MIT
// expect: weir::map(f)
// expect: returns nothing

#include <weir/operators/map.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map([](int x) { return x; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map([](int) {});
#endif
}

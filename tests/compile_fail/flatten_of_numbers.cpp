// SPDX-License-Identifier: MIT
// expect: weir::flatten(): the items are neither streams nor ranges

#include <weir/operators/flatten.hpp>
#include <weir/operators/map.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map([](int x) { return weir::iota(0, x); }) | weir::flatten();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::flatten();
#endif
}

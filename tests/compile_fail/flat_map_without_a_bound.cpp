// SPDX-License-Identifier: MIT
// expect: weir::flat_map(n, f)
// expect: say how many

#include <weir/operators/flat_map.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::flat_map(2, [](int x) { return weir::iota(0, x); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::flat_map([](int x) { return weir::iota(0, x); });
#endif
}

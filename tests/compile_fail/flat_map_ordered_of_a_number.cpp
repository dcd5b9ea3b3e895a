// SPDX-License-Identifier: MIT
// expect: weir::flat_map_ordered(n, f): f cannot be called with an item, or does not return a stream

#include <weir/operators/flat_map_ordered.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::flat_map_ordered(2, [](int x) { return weir::iota(0, x); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::flat_map_ordered(2, [](int x) { return x; });
#endif
}

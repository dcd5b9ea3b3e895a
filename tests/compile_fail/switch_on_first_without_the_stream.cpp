// SPDX-License-Identifier: MIT
// expect: weir::switch_on_first(f): f cannot be called with the first item and the stream of all

#include <weir/operators/switch_on_first.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::switch_on_first([](int, auto items) { return items; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::switch_on_first([](int n) { return weir::iota(0, n); });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::chunk_weighted(max, weigh): weigh cannot be called with an item, or does not return a whole number

#include <weir/operators/chunk_weighted.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::chunk_weighted(9, [](int x) { return x; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::chunk_weighted(9, [](int x) { return x / 2.0; });
#endif
}

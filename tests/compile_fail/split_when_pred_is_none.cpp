// SPDX-License-Identifier: MIT
// expect: weir::split_when(pred): pred cannot be called with an item, or does not return a bool

#include <weir/operators/split_when.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::split_when([](int x) { return x == 2; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::split_when([](int left, int right) { return left == right; });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::merge_prioritized(weights, streams...): say first how the turns are divided

#include <weir/operators/merge_prioritized.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::merge_prioritized({2, 1}, weir::iota(1, 4), weir::iota(5, 9));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::merge_prioritized(weir::iota(1, 4), weir::iota(5, 9));
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::interleave(n, streams...): say first how many items of a stream come in its turn

#include <weir/operators/interleave.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::interleave(1, weir::iota(1, 4), weir::iota(5, 7));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::interleave(weir::iota(1, 4), weir::iota(5, 7));
#endif
}

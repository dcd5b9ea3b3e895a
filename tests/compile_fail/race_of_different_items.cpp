// SPDX-License-Identifier: MIT
// expect: weir::race(streams...)
// expect: type of item

#include <weir/operators/race.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::race(weir::iota(1, 4), weir::iota(5, 7));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::race(weir::iota(1, 4), weir::iota(5L, 7L));
#endif
}

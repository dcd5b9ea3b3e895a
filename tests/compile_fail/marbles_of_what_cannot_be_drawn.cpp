// SPDX-License-Identifier: MIT
// expect: cannot be drawn

#include <weir/source/just.hpp>
#include <weir/testing/marbles.hpp>

struct point {};

int main() {
    weir::testing::marbles m;
    auto right = m.play(weir::just(1));
#ifdef MUST_NOT_COMPILE
    auto wrong = m.play(weir::just(point{}));
#endif
}

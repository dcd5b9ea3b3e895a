// SPDX-License-Identifier: MIT
// expect: weir::concat(streams...)
// expect: different item types

#include <weir/operators/concat.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::concat(weir::just(1), weir::just(2));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::concat(weir::just(1), weir::just('a'));
#endif
}

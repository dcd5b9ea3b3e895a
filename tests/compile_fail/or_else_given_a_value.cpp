// SPDX-License-Identifier: MIT
// expect: weir::or_else(other): takes a stream
// expect: write default_if_empty(value)

#include <weir/operators/or_else.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::or_else(weir::iota(5, 6));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::or_else(5);
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::lines()
// expect: takes a stream of weir::bytes

#include <weir/operators/map.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/lines.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map([](int) { return weir::bytes{"a\nb"}; }) | weir::lines();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::lines();
#endif
}

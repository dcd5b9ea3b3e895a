// SPDX-License-Identifier: MIT
// expect: weir::dematerialize(): the items are not weir::outcomes with a value

#include <weir/operators/dematerialize.hpp>
#include <weir/operators/materialize.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::materialize() | weir::dematerialize();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::dematerialize();
#endif
}

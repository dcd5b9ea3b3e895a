// SPDX-License-Identifier: MIT
// expect: weir::expand(n, f): f cannot be called with an item, or does not return a stream of the same type of item

#include <string>

#include <weir/operators/expand.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::expand(2, [](int x) { return weir::iota(0, x); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::expand(2, [](int x) { return weir::just(std::to_string(x)); });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::unzip(): the items are not pairs; map them to std::pair

#include <utility>

#include <weir/operators/map.hpp>
#include <weir/operators/unzip.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map([](int x) { return std::pair(x, x); }) | weir::unzip();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::unzip();
#endif
}

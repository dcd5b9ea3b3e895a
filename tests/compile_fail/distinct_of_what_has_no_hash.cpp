// SPDX-License-Identifier: MIT
// expect: weir::distinct(limit, key): the keys have no std::hash

#include <weir/operators/distinct.hpp>
#include <weir/operators/map.hpp>
#include <weir/source/iota.hpp>

int main() {
    struct point {
        int x;
    };
    auto points = [] { return weir::iota(1, 4) | weir::map([](int x) { return point{x}; }); };
    auto right = points() | weir::distinct(9, &point::x);
#ifdef MUST_NOT_COMPILE
    auto wrong = points() | weir::distinct(9);
#endif
}

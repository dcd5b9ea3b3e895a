// SPDX-License-Identifier: MIT
// expect: weir::distinct_until_changed()
// expect: ==

#include <weir/operators/distinct_until_changed.hpp>
#include <weir/source/just.hpp>

int main() {
    struct point {
        int x;
    };
    auto right = weir::just(point{1}) | weir::distinct_until_changed(&point::x);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(point{1}) | weir::distinct_until_changed();
#endif
}

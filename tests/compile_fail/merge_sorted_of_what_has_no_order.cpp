// SPDX-License-Identifier: MIT
// expect: weir::merge_sorted(less, streams...)
// expect: operator<

#include <weir/operators/merge_sorted.hpp>
#include <weir/source/just.hpp>

int main() {
    struct point {
        int x;
    };
    const auto by_x = [](const point& a, const point& b) { return a.x < b.x; };
    auto right = weir::merge_sorted(by_x, weir::just(point{1}), weir::just(point{2}));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::merge_sorted(weir::just(point{1}), weir::just(point{2}));
#endif
}

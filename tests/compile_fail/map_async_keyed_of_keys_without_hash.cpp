// SPDX-License-Identifier: MIT
// expect: weir::map_async_keyed(n, key, f): the keys have no std::hash, no == or cannot be copied

#include <weir/operators/map_async_keyed.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

int main() {
    struct point {
        int x;
    };
    const auto f = [](int x) -> weir::task<int> { co_return x; };
    auto right = weir::iota(1, 4) | weir::map_async_keyed(2, [](int x) { return x % 2; }, f);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map_async_keyed(2, [](int x) { return point{x}; }, f);
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::map_blocking(n, pool, f)
// expect: several threads call it at once

#include <weir/operators/map_blocking.hpp>
#include <weir/source/iota.hpp>
#include <weir/threads/thread_pool.hpp>

int main() {
    weir::thread_pool pool{2};
    auto right = weir::iota(1, 4) | weir::map_blocking(2, pool, [](int i) { return i + 1; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map_blocking(2, pool, [sum = 0](int i) mutable { return sum += i; });
#endif
}

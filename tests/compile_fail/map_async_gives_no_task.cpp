// SPDX-License-Identifier: MIT
// expect: weir::map_async(n, f), map_async_unordered(n, f)
// expect: return a task or another operation

#include <weir/executor/sleep.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map_async(2, [](int) { return weir::yield(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map_async(2, [](int x) { return x; });
#endif
}

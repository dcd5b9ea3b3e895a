// SPDX-License-Identifier: MIT
// expect: weir::flat_map_ordered(n, f): f returns a task or another operation, and not a stream; write map_async(n, f)

#include <weir/operators/flat_map_ordered.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>

weir::task<int> doubled(int x) { co_return 2 * x; }

int main() {
    auto right = weir::iota(1, 4) | weir::flat_map_ordered(2, [](int x) { return weir::once(doubled(x)); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::flat_map_ordered(2, doubled);
#endif
}

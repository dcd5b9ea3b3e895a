// SPDX-License-Identifier: MIT
// expect: weir::concat_map(f): f returns a task or another operation, and not a stream; write map_async(1, f)

#include <weir/operators/concat_map.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>

weir::task<int> doubled(int x) { co_return 2 * x; }

int main() {
    auto right = weir::iota(1, 4) | weir::concat_map([](int x) { return weir::once(doubled(x)); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::concat_map(doubled);
#endif
}

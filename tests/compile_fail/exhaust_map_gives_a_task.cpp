// SPDX-License-Identifier: MIT
// expect: weir::exhaust_map(f): f returns a task or another operation, and not a stream; write once(operation) in f

#include <weir/operators/exhaust_map.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/once.hpp>
#include <weir/task.hpp>

weir::task<int> doubled(int x) { co_return 2 * x; }

int main() {
    auto right = weir::iota(1, 4) | weir::exhaust_map([](int x) { return weir::once(doubled(x)); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::exhaust_map(doubled);
#endif
}

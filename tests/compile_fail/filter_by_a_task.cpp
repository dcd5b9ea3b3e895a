// SPDX-License-Identifier: MIT
// expect: weir::filter(keep): keep returns a task or another operation, and not a bool; write filter_async(n, keep)

#include <weir/operators/filter.hpp>
#include <weir/operators/filter_async.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

weir::task<bool> even(int x) { co_return x % 2 == 0; }

int main() {
    auto right = weir::iota(1, 4) | weir::filter_async(2, even);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::filter(even);
#endif
}

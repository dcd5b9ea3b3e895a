// SPDX-License-Identifier: MIT
// expect: write filter(pred) for a plain predicate

#include <weir/operators/filter_async.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::filter_async(2, [](int) -> weir::task<bool> { co_return true; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::filter_async(2, [](int) { return true; });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::exhaust_map(f, on_drop): on_drop cannot be called with (item) or (item, drop_reason)

#include <weir/operators/exhaust_map.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>

int main() {
    auto f = [](int x) { return weir::just(x); };
    auto right = weir::iota(0) | weir::exhaust_map(f, [](int) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(0) | weir::exhaust_map(f, [](int) -> weir::task<> { co_return; });
#endif
}

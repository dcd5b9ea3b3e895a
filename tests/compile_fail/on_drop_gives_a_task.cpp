// SPDX-License-Identifier: MIT
// expect: weir::buffer(n, overflow, on_drop)
// expect: nothing would await

#include <weir/executor/sleep.hpp>
#include <weir/operators/buffer.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::buffer(2, weir::overflow::drop_oldest, [](int) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::buffer(2, weir::overflow::drop_oldest, [](int) { return weir::yield(); });
#endif
}

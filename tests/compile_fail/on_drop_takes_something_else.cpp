// SPDX-License-Identifier: MIT
// expect: weir::buffer(n, overflow, on_drop)
// expect: on_drop cannot be called with (item) or (item, drop_reason)

#include <string>

#include <weir/operators/buffer.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::buffer(2, weir::overflow::drop_oldest, [](int) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::buffer(2, weir::overflow::drop_oldest, [](const std::string&) {});
#endif
}

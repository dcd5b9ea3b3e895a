// SPDX-License-Identifier: MIT
// expect: weir::window(extent, f): f cannot be called with the stream of the items of a window

#include <utility>

#include <weir/operators/window.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::window(2, [](auto items) { return std::move(items) | weir::count(); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::window(2, [](auto items) { return items; });
#endif
}

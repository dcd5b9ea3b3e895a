// SPDX-License-Identifier: MIT
// expect: weir::window(extent, f): the extent is a number of items, a duration, back_to_back{d}, a stream whose items

#include <utility>

#include <weir/operators/window.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto counted = [](auto items) { return std::move(items) | weir::count(); };
    auto right = weir::iota(1, 4) | weir::window(2, counted);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::window("a", counted);
#endif
}

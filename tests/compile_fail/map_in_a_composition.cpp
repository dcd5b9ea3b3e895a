// SPDX-License-Identifier: MIT
// expect: weir::filter(keep)
// expect: keep cannot be called with an item

#include <string>

#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto text = weir::map([](int x) { return std::to_string(x); });
    auto right = weir::iota(1, 4) | (text | weir::filter([](const std::string& s) { return !s.empty(); }));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | (text | weir::filter([](int x) { return x > 1; }));
#endif
}

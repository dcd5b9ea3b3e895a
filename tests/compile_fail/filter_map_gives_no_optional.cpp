// SPDX-License-Identifier: MIT
// expect: weir::filter_map(f)
// expect: does not return a std::optional

#include <optional>

#include <weir/operators/filter_map.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::filter_map([](int x) { return std::optional{x}; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::filter_map([](int x) { return x; });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::unzip(options, on_drop): on_drop cannot be called with either part of an item

#include <string>
#include <utility>

#include <weir/operators/map.hpp>
#include <weir/operators/unzip.hpp>
#include <weir/source/iota.hpp>

int main() {
    constexpr auto to_pair = weir::map([](int x) { return std::pair(x, std::to_string(x)); });
    auto right = weir::iota(1, 4) | to_pair | weir::unzip({}, [](const auto&) {});
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | to_pair | weir::unzip({}, [](int) {});
#endif
}

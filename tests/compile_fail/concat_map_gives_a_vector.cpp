// SPDX-License-Identifier: MIT
// expect: weir::concat_map(f): f returns a range, and not a stream; write map_concat(f)

#include <vector>

#include <weir/operators/concat_map.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map_concat([](int x) { return std::vector{x}; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::concat_map([](int x) { return std::vector{x}; });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::flat_map(n, f): f returns a range, and not a stream; write map_concat(f)

#include <vector>

#include <weir/operators/flat_map.hpp>
#include <weir/operators/map_concat.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map_concat([](int x) { return std::vector{x}; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::flat_map(2, [](int x) { return std::vector{x}; });
#endif
}

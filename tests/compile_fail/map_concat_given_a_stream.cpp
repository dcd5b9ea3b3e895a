// SPDX-License-Identifier: MIT
// expect: weir::map_concat(f)
// expect: write concat_map(f)

#include <vector>

#include <weir/operators/map_concat.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map_concat([](int x) { return std::vector{x}; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map_concat([](int x) { return weir::iota(0, x); });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::latest_per_key(n, key): the keys have no std::hash, no == or cannot be copied; return a key that has

#include <vector>

#include <weir/operators/latest_per_key.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::latest_per_key(9, [](int x) { return x; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::latest_per_key(9, [](int x) { return std::vector{x}; });
#endif
}

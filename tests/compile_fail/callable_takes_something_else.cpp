// SPDX-License-Identifier: MIT
// expect: weir::map(f)
// expect: f cannot be called with an item

#include <string>

#include <weir/operators/map.hpp>
#include <weir/source/iota.hpp>

int main() {
    auto right = weir::iota(1, 4) | weir::map([](int x) { return std::to_string(x); });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map([](const std::string& x) { return x; });
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::conflate_with(f): f cannot be called with a value and an item, or does not return a value of the same

#include <string>

#include <weir/operators/conflate_with.hpp>
#include <weir/source/iota.hpp>

int main() {
    const auto text = [](int x) { return std::to_string(x); };
    auto right = weir::iota(1, 4) | weir::conflate_with(text, [](std::string s, int) { return s; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::conflate_with([](int, int) { return std::string{}; });
#endif
}

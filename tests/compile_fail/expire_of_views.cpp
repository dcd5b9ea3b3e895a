// SPDX-License-Identifier: MIT
// expect: weir::expire(d) keeps items, and these borrow their memory; put to_owned() before it, or outlives(view)

#include <chrono>
#include <string_view>

#include <weir/operators/expire.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/iota.hpp>

using namespace std::chrono_literals;

int main() {
    const auto text = [](int) { return std::string_view{"text"}; };
    auto right = weir::iota(1, 4) | weir::map(text) | weir::to_owned() | weir::expire(1s);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::iota(1, 4) | weir::map(text) | weir::expire(1s);
#endif
}

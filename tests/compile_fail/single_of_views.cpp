// SPDX-License-Identifier: MIT
// expect: weir::single() keeps an item, and these borrow

#include <string_view>

#include <weir/sink/single.hpp>
#include <weir/source/just.hpp>

int main() {
    auto right = weir::just(1, 2) | weir::single();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just(std::string_view{"a"}) | weir::single();
#endif
}

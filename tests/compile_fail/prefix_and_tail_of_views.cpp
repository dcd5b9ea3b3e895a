// SPDX-License-Identifier: MIT
// expect: weir::prefix_and_tail(n) keeps items, and these borrow their memory; put to_owned() before it

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/prefix_and_tail.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::prefix_and_tail(1);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::prefix_and_tail(1);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::prefix_and_tail(1);
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::with_latest_from(other) keeps an item of other, and that borrows its memory

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/operators/with_latest_from.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::with_latest_from(weir::just("b"sv) | weir::to_owned());
    auto kept = weir::just("a"sv) | weir::with_latest_from(weir::just(weir::outlives("b"sv)));
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::with_latest_from(weir::just("b"sv));
#endif
}

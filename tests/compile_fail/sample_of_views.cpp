// SPDX-License-Identifier: MIT
// expect: weir::sample(d) keeps items, and these borrow their memory; put to_owned() before it

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/sample.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::sample(1s);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::sample(1s);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::sample(1s);
#endif
}

// SPDX-License-Identifier: MIT
// expect: weir::batch_while_busy(max) keeps items, and these borrow their memory; put to_owned() before it

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/batch_while_busy.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::batch_while_busy(4);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::batch_while_busy(4);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::batch_while_busy(4);
#endif
}

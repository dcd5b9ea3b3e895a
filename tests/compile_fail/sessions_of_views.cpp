// SPDX-License-Identifier: MIT
// expect: weir::sessions(gap) keeps items, and these borrow their memory; put to_owned() before it

#include <chrono>
#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/sessions.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::sessions(1s);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::sessions(1s);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::sessions(1s);
#endif
}

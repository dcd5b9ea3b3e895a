// SPDX-License-Identifier: MIT
// expect: weir::distinct_until_changed(): keeps the last key, and it borrows its memory; put to_owned() before it

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/distinct_until_changed.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::distinct_until_changed();
    auto kept = weir::just(weir::outlives("a"sv)) | weir::distinct_until_changed();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::distinct_until_changed();
#endif
}

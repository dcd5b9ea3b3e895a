// SPDX-License-Identifier: MIT
// expect: weir::window(extent, f) keeps items, and these borrow their memory; put to_owned() before it

#include <string_view>
#include <utility>

#include <weir/core/item_traits.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/operators/window.hpp>
#include <weir/sink/count.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    const auto counted = [](auto items) { return std::move(items) | weir::count(); };
    auto right = weir::just("a"sv) | weir::to_owned() | weir::window(2, counted);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::window(2, counted);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::window(2, counted);
#endif
}

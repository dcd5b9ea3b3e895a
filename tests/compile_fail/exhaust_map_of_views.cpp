// SPDX-License-Identifier: MIT
// expect: weir::exhaust_map(f) keeps items, and these borrow their memory; put to_owned() before it

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/exhaust_map.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    auto f = [](auto) { return weir::just(1); };
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::exhaust_map(f);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::exhaust_map(f);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::exhaust_map(f);
#endif
}

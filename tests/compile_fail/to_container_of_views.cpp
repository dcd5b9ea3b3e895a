// SPDX-License-Identifier: MIT
// expect: weir::to<Container>(): keeps items, and these borrow their memory; put to_owned() before it

#include <string_view>
#include <vector>

#include <weir/core/item_traits.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::to<std::vector>();
    auto kept = weir::just(weir::outlives("a"sv)) | weir::to<std::vector>();
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::to<std::vector>();
#endif
}

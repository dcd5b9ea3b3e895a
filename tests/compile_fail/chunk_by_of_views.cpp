// SPDX-License-Identifier: MIT
// expect: weir::chunk_by(f) keeps items, and these borrow their memory; put to_owned() before it

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/chunk_by.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>

int main() {
    using namespace std::literals;
    const auto size = [](const auto& text) { return std::string_view{text}.size(); };
    auto right = weir::just("a"sv) | weir::to_owned() | weir::chunk_by(size);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::chunk_by([](const auto&) { return 1; });
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::chunk_by(size);
#endif
}

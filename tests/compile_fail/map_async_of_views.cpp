// SPDX-License-Identifier: MIT
// expect: map_async_unordered(n, f) keep items, and these borrow their memory; put to_owned() before it

#include <string_view>

#include <weir/core/item_traits.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/to_owned.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>

int main() {
    auto f = [](auto) -> weir::task<int> { co_return 1; };
    using namespace std::literals;
    auto right = weir::just("a"sv) | weir::to_owned() | weir::map_async(2, f);
    auto kept = weir::just(weir::outlives("a"sv)) | weir::map_async(2, f);
#ifdef MUST_NOT_COMPILE
    auto wrong = weir::just("a"sv) | weir::map_async(2, f);
#endif
}

// SPDX-License-Identifier: MIT
// What does a coroutine generator cost per item, alone and with operators behind it?

#include <cstdint>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/fold.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bare.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

[[gnu::noinline]] bare::generator<int64_t> bare_numbers(int64_t n) {
    for (int64_t i = 0; i != n; ++i) co_yield i;
}

int64_t bare_generator(std::uint64_t n) {
    const auto numbers = bare_numbers(static_cast<int64_t>(n));
    int64_t sum = 0;
    while (const int64_t* item = bare::pull(numbers)) sum += *item;
    return sum;
}

weir::async_stream<int64_t> numbers(int64_t n) {
    for (int64_t i = 0; i != n; ++i) co_yield i;
}

int64_t generator(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(numbers(static_cast<int64_t>(n)) | weir::fold(int64_t{0}, add));
}

int64_t with_operators(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(numbers(static_cast<int64_t>(n)) | weir::map([](int64_t x) { return x + 1; }) |
                  weir::filter([](int64_t x) { return x >= 0; }) | weir::map([](int64_t x) { return x - 1; }) |
                  weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does a coroutine generator cost per item, alone and with operators behind it?",
                      "ns/item", 5'000'000};
    q.floor("bare coroutine", bare_generator);
    q.weir("generator", generator);
    q.weir("generator|map|filter|map", with_operators);
    return q.run();
}

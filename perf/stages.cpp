// SPDX-License-Identifier: MIT
// What do four coroutine stages, each of which awaits the previous one, cost per item?

#include <cstdint>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/next.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bare.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

[[gnu::noinline]] bare::generator<int64_t> bare_numbers(int64_t n) {
    for (int64_t i = 0; i != n; ++i) co_yield i;
}

[[gnu::noinline]] bare::generator<int64_t> bare_pass(bare::generator<int64_t> upstream) {
    while (const int64_t* item = bare::pull(upstream)) co_yield *item;
}

int64_t bare_stages(std::uint64_t n) {
    const auto last = bare_pass(bare_pass(bare_pass(bare_numbers(static_cast<int64_t>(n)))));
    int64_t sum = 0;
    while (const int64_t* item = bare::pull(last)) sum += *item;
    return sum;
}

weir::async_stream<int64_t> numbers(int64_t n) {
    for (int64_t i = 0; i != n; ++i) co_yield i;
}

weir::async_stream<int64_t> pass(weir::async_stream<int64_t> upstream) {
    while (auto item = co_await weir::next(upstream)) co_yield *item;
}

int64_t stages(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(pass(pass(pass(numbers(static_cast<int64_t>(n))))) |
                  weir::fold(int64_t{0}, [](int64_t sum, int64_t x) { return sum + x; }));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv,
                      "What do four coroutine stages, each of which awaits the previous one, cost per item?", "ns/item",
                      1'000'000};
    q.floor("bare coroutines", bare_stages);
    q.weir("four generators", stages);
    return q.run();
}

// SPDX-License-Identifier: MIT
// What does an asynchronous operation per item cost, with 64 in flight, when each operation yields once?

#include <algorithm>
#include <cstdint>
#include <vector>

#include <weir/executor/sleep.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bare.hpp"
#include "support/bench.hpp"

namespace {

using std::int64_t;

bare::task<int64_t> one(bare::queue& ready, int64_t x) {
    co_await ready.yield();
    co_return x;
}

/// Rounds of 32 items, which are as many as the ring holds together with their yields.
int64_t rounds(std::uint64_t n) {
    bare::queue ready;
    int64_t sum = 0;
    const auto count = static_cast<int64_t>(n);
    for (int64_t i = 0; i < count; i += 32) {
        std::vector<bare::task<int64_t>> batch;
        batch.reserve(32);
        for (int64_t j = i; j != std::min(i + 32, count); ++j) {
            batch.push_back(one(ready, j));
            ready.push(batch.back().handle());
        }
        ready.run();
        for (const auto& t : batch) sum += t.handle().promise().result;
    }
    return sum;
}

weir::task<int64_t> later(int64_t x) {
    co_await weir::yield();
    co_return x;
}

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

int64_t unordered(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map_async_unordered(64, later) |
                  weir::fold(int64_t{0}, add));
}

int64_t ordered(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map_async(64, later) |
                  weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv,
                      "What does an asynchronous operation an item cost, with 64 in flight, when each yields once?",
                      "ns/item", 2'000'000};
    q.floor("bare coroutines and a ring", rounds);
    q.weir("map_async_unordered(64)", unordered);
    q.weir("map_async(64)", ordered);
    return q.run();
}

// SPDX-License-Identifier: MIT
// How does the cost of an item grow with the number of merged streams?

#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/merge.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "../support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

int64_t ready(std::uint64_t n, int64_t sources) {
    weir::testing::virtual_executor ex;
    const auto last = static_cast<int64_t>(n);
    std::vector<decltype(weir::iota(last, last))> all;
    for (int64_t i = 0; i != sources; ++i) all.push_back(weir::iota(last * i / sources, last * (i + 1) / sources));
    return ex.run(weir::merge(std::move(all)) | weir::fold(int64_t{0}, add));
}

/// One of several sources, of which one wakes at a time.
weir::async_stream<int64_t> one_by_one(int64_t first, int64_t last, int64_t sources) {
    for (int64_t i = first; i != last; ++i) {
        co_await weir::sleep_for(std::chrono::milliseconds{sources});
        co_yield i;
    }
}

int64_t waiting(std::uint64_t n, int64_t sources) {
    weir::testing::virtual_executor ex;
    const auto last = static_cast<int64_t>(n);
    std::vector<weir::async_stream<int64_t>> all;
    for (int64_t i = 0; i != sources; ++i) {
        all.push_back(one_by_one(last * i / sources, last * (i + 1) / sources, i + 1));
    }
    return ex.run(weir::merge(std::move(all)) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "How does the cost of an item grow with the number of merged streams?", "ns/item",
                      200'000};
    for (const int64_t sources : {1, 10, 100, 1'000, 10'000}) {
        const std::string at = " @ " + std::to_string(sources);
        q.weir("all ready" + at, [sources](std::uint64_t n) { return ready(n, sources); });
        q.weir("waiting on timers" + at, [sources](std::uint64_t n) { return waiting(n, sources); });
    }
    return q.run();
}

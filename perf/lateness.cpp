// SPDX-License-Identifier: MIT
// How late does a 1 ms timer fire beside a pipeline that is always ready, compared with an idle loop?

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

#include "support/bench.hpp"

namespace {

using namespace std::chrono_literals;
using microseconds = std::chrono::duration<double, std::micro>;

/// Wakes each millisecond on an absolute schedule and returns the lateness of each wake.
weir::task<std::vector<double>> ticks(int count) {
    std::vector<double> late;
    const weir::executor& ex = *co_await weir::this_executor();
    const auto start = ex.now();
    for (int i = 1; i <= count; ++i) {
        const auto due = start + i * 1ms;
        co_await weir::sleep_until(due);
        late.push_back(microseconds{weir::clock::now() - due}.count());
    }
    co_return late;
}

/// Returns the 99th percentile of the lateness as the cost of each tick.
bench::measurement late(std::vector<double> all) {
    std::ranges::sort(all);
    const auto count = static_cast<double>(all.size());
    const double p99 = all[static_cast<std::size_t>(0.99 * (count - 1))];
    return {p99 * count, static_cast<std::int64_t>(all.size())};
}

bench::measurement idle(std::uint64_t n) {
    weir::executor ex;
    return late(ex.run(ticks(static_cast<int>(n))));
}

bench::measurement beside_a_pipeline(std::uint64_t n) {
    weir::executor ex;
    auto busy = ex.spawn(weir::iota(std::uint64_t{0}) | weir::map([](std::uint64_t x) { return x ^ (x >> 7); }) |
                         weir::for_each([](std::uint64_t x) { bench::opaque(x); }));
    return late(ex.run(ticks(static_cast<int>(n))));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{
        argc, argv,
        "How late does a 1 ms timer fire beside a pipeline that is always ready, compared with an idle loop?",
        "us, 99th percentile", 400};
    q.floor("idle loop", idle);
    q.weir("beside a ready pipeline", beside_a_pipeline);
    return q.run();
}

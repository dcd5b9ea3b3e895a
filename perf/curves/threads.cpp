// SPDX-License-Identifier: MIT
// How does the cost of an item fall with the number of computing threads?

#include <algorithm>
#include <cstdint>
#include <string>
#include <thread>

#include <weir/operators/map.hpp>
#include <weir/operators/map_blocking.hpp>
#include <weir/operators/parallel.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/threads/runtime.hpp>
#include <weir/threads/thread_pool.hpp>

#include "../support/bench.hpp"

namespace {

using std::int64_t;

constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

/// A computation of about ten microseconds.
constexpr auto hash = [](int64_t x) {
    auto h = static_cast<std::uint64_t>(x);
    for (int i = 0; i != 5'000; ++i) h = (h ^ (h >> 31)) * 0x9e3779b97f4a7c15U;
    return static_cast<int64_t>(h >> 8);
};

auto numbers(std::uint64_t n) { return weir::iota(int64_t{0}, static_cast<int64_t>(n)); }

int64_t rails(std::uint64_t n, unsigned threads) {
    weir::runtime rt{threads};
    weir::executor ex;
    return ex.run(numbers(n) | weir::parallel(rt, weir::map(hash)) | weir::fold(int64_t{0}, add));
}

int64_t pool(std::uint64_t n, unsigned threads) {
    weir::thread_pool workers{threads};
    weir::executor ex;
    return ex.run(numbers(n) | weir::map_blocking(4 * threads, workers, hash) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "How does the cost of an item fall with the number of computing threads?", "ns/item",
                      20'000};
    const unsigned most = std::max(2U, std::thread::hardware_concurrency());
    for (unsigned threads = 1; threads <= most; threads *= 2) {
        const std::string at = " @ " + std::to_string(threads);
        q.weir("parallel" + at, [threads](std::uint64_t n) { return rails(n, threads); });
        q.weir("map_blocking" + at, [threads](std::uint64_t n) { return pool(n, threads); });
    }
    return q.run();
}

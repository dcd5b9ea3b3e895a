// SPDX-License-Identifier: MIT
// What do operators with a clock add to the cost of an item that is always ready?

#include <chrono>
#include <cstdint>
#include <vector>

#include <weir/operators/buffer.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/chunk_weighted.hpp>
#include <weir/operators/expire.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/timeout.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using namespace std::chrono_literals;
using std::int64_t;

constexpr auto next = [](int64_t x) { return x + 1; };
constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };
constexpr auto add_all = [](int64_t sum, const std::vector<int64_t>& chunk) {
    for (const int64_t x : chunk) sum += x;
    return sum;
};

auto source(std::uint64_t n) { return weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map(next); }

int64_t bare(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(source(n) | weir::fold(int64_t{0}, add));
}

int64_t with_timeout(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(source(n) | weir::timeout(1s) | weir::fold(int64_t{0}, add));
}

int64_t chunked(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(source(n) | weir::chunk(100) | weir::fold(int64_t{0}, add_all));
}

int64_t chunked_in_time(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(source(n) | weir::chunk(100, 1s) | weir::fold(int64_t{0}, add_all));
}

int64_t chunked_by_weight(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(source(n) | weir::chunk_weighted(100, [](int64_t) { return 1; }) | weir::fold(int64_t{0}, add_all));
}

int64_t expiring(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(source(n) | weir::expire(1s, 64) | weir::fold(int64_t{0}, add));
}

int64_t buffered(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(source(n) | weir::buffer(64) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What do operators with a clock add to the cost of an item that is always ready?",
                      "ns/item", 10'000'000};
    q.floor("bare chain", bare);
    q.weir("timeout(1s)", with_timeout);
    q.weir("chunk(100)", chunked);
    q.weir("chunk(100, 1s)", chunked_in_time);
    q.weir("chunk_weighted(100, weigh)", chunked_by_weight);
    q.weir("buffer(64)", buffered);
    q.weir("expire(1s, 64)", expiring);
    return q.run();
}

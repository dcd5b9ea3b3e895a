// SPDX-License-Identifier: MIT
// What does it cost to bring an item to those of its key, of which there are a thousand?

#include <cstddef>
#include <cstdint>
#include <unordered_map>
#include <utility>

#include <weir/executor/executor.hpp>
#include <weir/operators/map_async_keyed.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/for_each_group.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

/// The keys come in an order that no cache line foresees.
constexpr auto key_of = [](int64_t x) { return (x * 7919) % 1000; };
constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

int64_t by_hand(std::uint64_t n) {
    std::unordered_map<int64_t, int64_t> sums;
    for (int64_t x = 0; x != static_cast<int64_t>(n); ++x) {
        int64_t& sum = sums[key_of(x)];
        sum += x;
        bench::opaque(sum);
    }
    int64_t total = 0;
    for (const auto& [key, sum] : sums) total += sum;
    return total;
}

int64_t grouped(std::uint64_t n) {
    weir::executor ex;
    int64_t total = 0;
    const auto sum = [&](int64_t, auto items) {
        return std::move(items) | weir::for_each([&](int64_t x) { total += x; });
    };
    ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::for_each_group(key_of, sum));
    return total;
}

weir::task<int64_t> same(int64_t x) { co_return x; }

int64_t keyed(std::uint64_t n) {
    weir::executor ex;
    return ex.run(weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::map_async_keyed(64, key_of, same) |
                  weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv,
                      "What does it cost to bring an item to those of its key, of which there are a thousand?",
                      "ns/item", 1'000'000};
    q.floor("look-up in an unordered_map", by_hand);
    q.weir("for_each_group", grouped);
    q.weir("map_async_keyed(64)", keyed);
    return q.run();
}

// SPDX-License-Identifier: MIT
// What does an item cost that eight subscribers of one source receive?

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <weir/executor/executor.hpp>
#include <weir/operators/share.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr std::size_t subscribers = 8;
constexpr std::size_t room = 64;
constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

/// Fills one ring, which each subscriber then reads.
int64_t by_hand(std::uint64_t n) {
    std::array<int64_t, room> ring{};
    std::array<int64_t, subscribers> sums{};
    for (int64_t from = 0; from < static_cast<int64_t>(n); from += room) {
        std::size_t held = 0;
        for (int64_t i = from; i != static_cast<int64_t>(n) && held != room; ++i) ring[held++] = i;
        bench::opaque(ring);
        for (int64_t& sum : sums) {
            for (std::size_t i = 0; i != held; ++i) sum += ring[i];
        }
        bench::opaque(sums);
    }
    int64_t total = 0;
    for (const int64_t sum : sums) total += sum;
    return total;
}

int64_t shared(std::uint64_t n) {
    weir::executor ex;
    auto source = weir::iota(int64_t{0}, static_cast<int64_t>(n)) | weir::share({.capacity = room});
    const auto receive = [&] { return ex.spawn(source.subscribe() | weir::fold(int64_t{0}, add)); };
    std::vector<decltype(receive())> running;
    for (std::size_t i = 0; i != subscribers; ++i) running.push_back(receive());
    int64_t total = 0;
    for (auto& one : running) total += ex.run(std::move(one));
    return total;
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does an item cost that eight subscribers of one source receive?",
                      "ns/item and subscriber", 1'000'000};
    // One item for all subscribers is eight of the unit.
    q.floor("one ring, read eight times", [](std::uint64_t n) { return by_hand(n / subscribers); });
    q.weir("share, 8 subscribers", [](std::uint64_t n) { return shared(n / subscribers); });
    return q.run();
}

// SPDX-License-Identifier: MIT
// What does merging cost per item, with eight sources that are always ready?

#include <array>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <weir/async_stream.hpp>
#include <weir/operators/merge.hpp>
#include <weir/sink/fold.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "support/bench.hpp"

namespace {

using std::int64_t;

constexpr int64_t sources = 8;
constexpr auto add = [](int64_t sum, int64_t x) { return sum + x; };

/// Polls counters in turn, each until it ends.
int64_t in_turn(std::uint64_t n) {
    struct counter {
        int64_t next;
        int64_t last;
    };
    std::array<counter, sources> all{};
    const auto each = static_cast<int64_t>(n) / sources;
    for (int64_t i = 0; i != sources; ++i) all[static_cast<std::size_t>(i)] = {i * each, (i + 1) * each};
    bench::opaque(all);
    int64_t sum = 0;
    for (bool more = true; more;) {
        more = false;
        for (counter& c : all) {
            if (c.next == c.last) continue;
            sum += c.next++;
            more = true;
        }
    }
    return sum;
}

auto source(std::uint64_t n, int64_t which) {
    const auto each = static_cast<int64_t>(n) / sources;
    return weir::iota(which * each, (which + 1) * each);
}

int64_t merged(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    return ex.run(weir::merge(source(n, 0), source(n, 1), source(n, 2), source(n, 3), source(n, 4), source(n, 5),
                              source(n, 6), source(n, 7)) |
                  weir::fold(int64_t{0}, add));
}

int64_t merged_range(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    std::vector<decltype(source(n, 0))> all;
    for (int64_t i = 0; i != sources; ++i) all.push_back(source(n, i));
    return ex.run(weir::merge(std::move(all)) | weir::fold(int64_t{0}, add));
}

int64_t merged_erased(std::uint64_t n) {
    weir::testing::virtual_executor ex;
    std::vector<weir::async_stream<int64_t>> all;
    for (int64_t i = 0; i != sources; ++i) all.emplace_back(source(n, i));
    return ex.run(weir::merge(std::move(all)) | weir::fold(int64_t{0}, add));
}

} // namespace

int main(int argc, char** argv) {
    bench::question q{argc, argv, "What does merging cost per item, with eight sources that are always ready?",
                      "ns/item", 8'000'000};
    q.floor("counters in turn", in_turn);
    q.weir("merge(8 streams)", merged);
    q.weir("merge(range of 8)", merged_range);
    q.weir("merge(range of 8), erased", merged_erased);
    return q.run();
}

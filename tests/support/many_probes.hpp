// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// Probes for an operator over a range of streams.
struct many_probes {
    explicit many_probes(std::size_t n) : sources(n) {}

    /// Their streams. May be called once.
    std::vector<weir::testing::probe_stream<int>> streams() {
        std::vector<weir::testing::probe_stream<int>> all;
        for (auto& source : sources) all.push_back(source.stream());
        return all;
    }

    std::vector<weir::testing::probe<int>> sources;
};

/// What a consumer receives of an operator over several streams when the items of each stream, and its end, arrive at
/// random times, before or after they are asked for.
/// @param make  from a range of streams to the operator
template <class Make>
numbers arrive_in_any_order(std::mt19937& random, const std::vector<numbers>& items, Make make) {
    std::bernoulli_distribution coin;
    weir::testing::virtual_executor ex;
    many_probes many{items.size()};
    const auto how = coin(random) ? weir::testing::asking::one_by_one : weir::testing::asking::in_a_loop;
    weir::testing::probe_sink sink{ex, weir::async_stream{make(many.streams())}, how};
    std::vector<std::size_t> order; // of the streams whose next item or end arrives
    for (std::size_t i = 0; i != items.size(); ++i) order.insert(order.end(), items[i].size() + 1, i);
    std::shuffle(order.begin(), order.end(), random);
    std::vector<std::size_t> arrived(items.size());
    for (const std::size_t i : order) {
        if (arrived[i] == items[i].size()) {
            many.sources[i].end();
        } else {
            many.sources[i].push(items[i][arrived[i]++]);
        }
        if (coin(random)) sink.request(random() % 3);
        if (coin(random)) ex.run_ready();
    }
    sink.request();
    ex.run_ready();
    CHECK(sink.ended());
    for (const auto& source : many.sources) CHECK_FALSE(source.polled_after_end());
    return sink.items();
}

} // namespace support

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <random>
#include <vector>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/core/closure.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// Up to `most` numbers from `from` to `to`.
inline std::vector<int> random_numbers(std::mt19937& random, std::size_t most, int from, int to) {
    std::vector<int> numbers(std::uniform_int_distribution<std::size_t>{0, most}(random));
    for (int& n : numbers) n = std::uniform_int_distribution<int>{from, to}(random);
    return numbers;
}

/// What an operator makes of items each of which arrives, at random, before or after it is asked for.
template <class T, class Operator>
auto arrive_at_random(std::mt19937& random, const std::vector<T>& items, Operator op) {
    std::bernoulli_distribution coin;
    weir::testing::virtual_executor ex;
    weir::testing::probe<T> source;
    weir::testing::probe_sink sink{ex, weir::async_stream{source.stream() | std::move(op)}};
    for (const T& item : items) {
        source.push(item);
        if (coin(random)) sink.request(1);
        if (coin(random)) ex.run_ready();
    }
    if (coin(random)) {
        sink.request();
        ex.run_ready();
    }
    source.end();
    sink.request();
    ex.run_ready();
    CHECK(sink.ended());
    CHECK_FALSE(source.polled_after_end());
    return sink.items();
}

} // namespace support

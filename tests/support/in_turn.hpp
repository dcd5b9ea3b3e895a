// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <weir/core/stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/drain.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

/// Streams that are made again: retry, retry_when, repeat_when and restart.
namespace support {

/// Returns a cold stream of the next diagram at each call.
inline auto in_turn(weir::testing::marbles& m, std::vector<std::string> diagrams) {
    return
        [&m, diagrams = std::move(diagrams), next = std::size_t{0}]() mutable { return m.cold(diagrams.at(next++)); };
}

/// Returns true n times and then false, each time after a wait.
inline auto times(int n, weir::duration wait) {
    return [n, wait](const auto&...) mutable -> weir::task<bool> {
        const bool again = n-- > 0;
        co_await weir::sleep_for(wait);
        co_return again;
    };
}

/// Up to 4 diagrams of items and ticks, each of which ends or fails.
inline std::vector<std::string> random_diagrams(std::mt19937& random) {
    std::uniform_int_distribution<std::size_t> up_to_three{0, 3};
    std::bernoulli_distribution coin;
    std::vector<std::string> diagrams(1 + up_to_three(random));
    for (std::string& diagram : diagrams) {
        for (std::size_t n = up_to_three(random); n != 0; --n) diagram += coin(random) ? 'a' : '-';
        diagram += coin(random) ? '|' : '#';
    }
    return diagrams;
}

/// What is seen of streams in turn when each wait takes two ticks, the next stream is made after `again_after`, and
/// the last stream is not followed by another.
inline std::string played_in_turn(const std::vector<std::string>& diagrams, char again_after) {
    std::string seen;
    for (const std::string& diagram : diagrams) {
        seen.append(diagram, 0, diagram.size() - 1);
        if (diagram.back() != again_after) return seen + diagram.back();
        seen += "--";
    }
    return seen + again_after;
}

/// A factory of one stream.
template <class S>
auto makes_one(S stream) {
    return [stream = std::move(stream)]() mutable { return std::move(stream); };
}

/// Checks that a stream of the factory is not made before the first poll, and is destroyed with what `make` constructs
/// around the factory.
template <class Make>
void check_dropped_in_turn(Make make) {
    weir::testing::virtual_executor ex;
    weir::testing::probe<int> source;
    weir::testing::probe_sink sink{ex, make(makes_one(source.stream()))};
    ex.run_ready();
    CHECK(source.polls() == 0);
    sink.request();
    ex.run_ready();
    CHECK(source.waiting());
    sink.drop();
    CHECK(source.dropped());
    CHECK(ex.stats().timers_armed == 0);
}

/// Checks that a stream that is made again for ever, without an item, lets others run.
template <weir::stream S>
void check_lets_others_run(S stream) {
    weir::testing::virtual_executor ex;
    const auto running = ex.spawn(std::move(stream) | weir::drain());
    for (int i = 0; i != 3; ++i) ex.run(weir::yield());
    CHECK_FALSE(running.finished());
}

} // namespace support

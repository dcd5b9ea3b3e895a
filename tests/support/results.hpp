// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

/// Sinks that have one result.
namespace support {

/// The number of polls of a source of 1, 3, 5 and the end until a sink has its result. Nothing is polled before the
/// sink is, and upstream must be gone when the result arrives.
template <class Sink>
std::size_t polls_until_result(Sink sink) {
    weir::testing::virtual_executor ex;
    weir::testing::probe<int> source;
    for (const int x : {1, 3, 5}) source.push(x);
    source.end();
    auto operation = source.stream() | std::move(sink);
    CHECK(source.polls() == 0);
    ex.run(std::move(operation));
    CHECK(source.dropped());
    return source.polls();
}

/// A text for the error of a sink over a failing upstream.
template <class Sink>
std::string upstream_error(Sink sink) {
    weir::testing::virtual_executor ex;
    try {
        ex.run(weir::fail<int>(std::runtime_error{"up"}) | std::move(sink));
    } catch (const std::runtime_error& e) {
        return e.what();
    }
    return "none";
}

/// The number of allocations of a sink per item.
template <class Sink>
std::size_t sink_allocations(Sink sink) {
    return allocations_for_more_items([&](int n) {
        weir::testing::virtual_executor ex;
        ex.run(weir::iota(0, n) | sink);
    });
}

/// Calls f with random numbers, some of which are equal and some negative, and with what runs a sink over them. Items
/// arrive before or after they are asked for.
template <class F>
void for_random_numbers(F f) {
    std::mt19937 random{1};
    std::bernoulli_distribution coin;
    for (int i = 0; i != 200; ++i) {
        const auto numbers = random_numbers(random, 6, -3, 3);
        f(numbers, [&](auto sink) {
            weir::testing::virtual_executor ex;
            weir::testing::probe<int> source;
            auto result = ex.spawn(source.stream() | std::move(sink));
            for (const int x : numbers) {
                if (coin(random)) ex.run_ready();
                source.push(x);
            }
            source.end();
            return ex.run(std::move(result));
        });
    }
}

} // namespace support

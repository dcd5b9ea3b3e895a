// SPDX-License-Identifier: MIT
#include <weir/operators/expand.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <limits>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/delay.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;

namespace {

/// The letter after the next, three ticks later; nothing from e on.
weir::async_stream<char> after(char c) {
    if (c >= 'e') co_return;
    co_await weir::sleep_for(3ms);
    co_yield static_cast<char>(c + 2);
}

/// The children of a node in a binary tree with the nodes 1 to n.
auto children_up_to(int n) {
    return [n](int x) { return weir::iota(std::min(2 * x, n + 1), std::min(2 * x + 2, n + 1)); };
}

} // namespace

TEST_SUITE("operators/expand") {
    TEST_CASE("expand emits items, those of the streams for them, and so on") {
        marbles m;
        CHECK(m.play(m.hot("-a---------|") | weir::expand(9, after)) == "-a--c--e---|");
        CHECK(m.play(m.hot("-ab|") | weir::expand(9, after)) == "-ab-cd-e[f|]");
        CHECK(m.play(m.hot("-ab|") | weir::expand(1, after)) == "-ab-c--d--e--[f|]");
        CHECK(m.play(m.cold("--|") | weir::expand(9, after)) == "--|");
        CHECK(m.play(m.cold("-a-#") | weir::expand(9, after)) == "-a-#");
    }

    TEST_CASE("expand visits a tree level by level, each node once, at most n at a time") {
        for (const std::size_t n : {std::size_t{1}, std::size_t{3}, std::numeric_limits<std::size_t>::max()}) {
            virtual_executor ex;
            auto seen = ex.run(weir::just(1) | weir::expand(n, children_up_to(1000)) | weir::to<std::vector>());
            if (n == 1) CHECK(std::is_sorted(seen.begin(), seen.end()));
            std::sort(seen.begin(), seen.end());
            CHECK(seen.size() == 1000);
            CHECK(seen.back() == 1000);
        }
        virtual_executor ex;
        int running = 0;
        int most = 0;
        const auto counted = [&](int x) -> weir::async_stream<int> {
            most = std::max(most, ++running);
            co_await weir::sleep_for(1ms);
            --running;
            if (x < 100) co_yield x + 10;
        };
        ex.run(weir::iota(0, 10) | weir::expand(3, counted) | weir::drain());
        CHECK(most == 3);
    }

    TEST_CASE("expand expands an item when the consumer has taken it") {
        virtual_executor ex;
        probe<int> source;
        int calls = 0;
        probe_sink sink{ex, source.stream() | weir::expand(9, [&](int x) { return ++calls, weir::just(x + 1); })};
        ex.run_ready();
        CHECK(source.polls() == 0);
        source.push(0);
        sink.request(1);
        ex.run_ready();
        CHECK(calls == 1);
        sink.request(4);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4});
        CHECK(calls == 5);
        sink.drop();
        CHECK(source.dropped());
    }

    TEST_CASE("expand: an error of the function or of its stream ends the stream and drops upstream") {
        for (const bool at_once : {true, false}) {
            virtual_executor ex;
            probe<int> source;
            source.push(1);
            const auto fails = [&](int x) -> weir::async_stream<int> {
                if (at_once) throw std::runtime_error{"f"};
                return [](int) -> weir::async_stream<int> {
                    co_await weir::sleep_for(1ms);
                    throw std::runtime_error{"f"};
                }(x);
            };
            CHECK_THROWS_WITH(ex.run(source.stream() | weir::expand(2, fails) | weir::drain()), "f");
            CHECK(source.dropped());
        }
    }

    TEST_CASE("expand that adds nothing passes all items, whenever they arrive") {
        std::mt19937 random{1};
        const auto leaf = [](int) { return weir::empty<int>(); };
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            CHECK(support::arrive_at_random(random, items, weir::expand(2, leaf)) == items);
        }
    }

    TEST_CASE("expand stops with its consumer, and allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::just(0) | weir::expand(2, [](int x) { return weir::just(x + 1); }) | weir::take(n) |
                         weir::drain());
              }) == 0);
    }

    TEST_CASE("expand rejects n of 0") {
        CHECK_THROWS_WITH_AS(weir::expand(0, after), "weir::expand(n, f): n must be at least 1", std::invalid_argument);
    }

    TEST_CASE("expand keeps the contract of a stream, with one copy per item") {
        const auto leaf = [](auto x) { return weir::empty<decltype(x)>(); };
        CHECK(check_contract([&] { return weir::expand(2, leaf); }, {.prefetch = 1, .copies = 1}) == "");
    }
}

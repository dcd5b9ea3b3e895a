// SPDX-License-Identifier: MIT
#include <weir/operators/map_async_unordered.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <arrivals.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <numbers.hpp>
#include <tasks.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <workshop.hpp>

using namespace std::chrono_literals;
using support::failure;
using support::numbers;
using support::value_after;
using support::workshop;
using weir::map_async_unordered;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/map_async_unordered") {
    TEST_CASE("map_async_unordered emits results as they complete") {
        marbles m;
        const auto work = [&m](int n) { return value_after(m.ticks(n), static_cast<char>('0' + n)); };
        CHECK(m.play(m.hot<int>("--4-1---5-----|") | map_async_unordered(2, work)) == "-----14------5|");
        CHECK(m.play(m.hot<int>("731|") | map_async_unordered(3, work)) == "---13--[7|]");
    }

    TEST_CASE("map_async_unordered of 4 starts the fifth operation when one has completed") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async_unordered, 4)};
        sink.request();
        w.push_items(10);
        ex.run_ready();
        CHECK(w.made == 4);
        CHECK(w.source.taken() == 4);
        w.work[2].complete(2);
        ex.run_ready();
        CHECK(w.made == 5);
        w.work[4].complete(4);
        w.work[0].complete(0);
        w.work[3].complete(3);
        ex.run_ready();
        CHECK(sink.items() == numbers{2, 4, 0, 3});
        CHECK(w.made == 8);
    }

    TEST_CASE("map_async_unordered rejects n less than 1") {
        const auto f = [](int x) { return support::one_turn{x}; };
        CHECK_THROWS_WITH_AS(map_async_unordered(0, f), "weir::map_async_unordered(n, f): n must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(map_async_unordered(-1, f), std::invalid_argument);
        CHECK_NOTHROW(map_async_unordered(1ull, f));
    }

    TEST_CASE("map_async_unordered starts nothing before the first poll, and holds at most n operations and results") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async_unordered, 3)};
        w.push_items(10);
        ex.run_ready();
        CHECK(w.made == 0);
        CHECK(w.source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(w.made == 3);
        CHECK(w.source.taken() == 3);
        w.work[1].complete(1);
        w.work[2].complete(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(w.made == 4);
        w.work[0].complete(0);
        w.work[3].complete(3);
        ex.run_ready();
        CHECK(w.made == 4); // three wait
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2});
        CHECK(w.made == 5);
    }

    TEST_CASE("map_async_unordered: a failed operation cancels the others, and earlier results precede its error") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async_unordered, 5)};
        sink.request(1);
        w.push_items(10);
        w.work[0].complete(0);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{0});
        w.work[4].complete(4);
        w.work[1].complete(1);
        ex.run_ready();
        w.work[2].fail(failure());
        ex.run_ready();
        CHECK(w.running() == 0); // with the consumer busy
        CHECK(w.source.dropped());
        CHECK_FALSE(sink.failed());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 4, 1});
        CHECK(sink.error_message() == "failed");
        CHECK(w.made == 6);
    }

    TEST_CASE("map_async_unordered delivers the earlier of two errors") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async_unordered, 5)};
        sink.request();
        w.push_items(4);
        ex.run_ready();
        w.work[3].fail(failure("first"));
        w.work[1].fail(failure("second"));
        ex.run_ready();
        CHECK(sink.error_message() == "first");
        CHECK_FALSE(w.work[1].taken());
    }

    TEST_CASE("map_async_unordered: an error of upstream follows the results of the operations in flight") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async_unordered, 5)};
        sink.request();
        w.push_items(2);
        w.source.fail(failure("upstream"));
        ex.run_ready();
        CHECK(w.source.dropped());
        CHECK_FALSE(sink.failed());
        w.work[1].complete(1);
        ex.run_ready();
        CHECK_FALSE(sink.failed());
        w.work[0].complete(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 0});
        CHECK(sink.error_message() == "upstream");
    }

    TEST_CASE("map_async_unordered: an exception from the function is an error of its operation") {
        virtual_executor ex;
        probe<int> source;
        support::manual<int> first;
        probe_sink sink{ex, source.stream() | map_async_unordered(3, [&](int x) {
                                if (x == 1) throw std::runtime_error{"nothing for 1"};
                                return first.operation();
                            })};
        sink.request();
        source.push(0);
        source.push(1);
        ex.run_ready();
        CHECK(source.dropped());
        CHECK(first.dropped());
        CHECK(sink.error_message() == "nothing for 1");
    }

    TEST_CASE("map_async_unordered polls only the operations that woke it") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async_unordered, 10)};
        sink.request();
        w.push_items(10);
        ex.run_ready();
        for (std::size_t i = 9; i != 0; --i) {
            w.work[i].complete(1);
            ex.run_ready();
        }
        CHECK(w.work[0].polls() == 1);
        CHECK(w.source.polls() == 11);
    }

    TEST_CASE("map_async_unordered emits each result once in any order of completion, with at most n in flight") {
        std::mt19937 random{20240608};
        for (int round = 0; round != 400; ++round) {
            const auto items = support::random_numbers(random, 15, 0, 5);
            const int limit = 1 + static_cast<int>(random() % 5);
            int running = 0;
            int most = 0;
            const auto work = [&](int turns) -> weir::task<int> {
                most = std::max(most, ++running);
                for (int i = 0; i != turns; ++i) co_await weir::yield();
                --running;
                co_return turns * 3;
            };
            auto results = support::arrive_at_random(random, items, map_async_unordered(limit, work));
            CHECK(most <= limit);
            numbers expected;
            for (const int x : items) expected.push_back(x * 3);
            CHECK(std::ranges::is_permutation(results, expected));
        }
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/map_async.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/transform.hpp>
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
using weir::map_async;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

TEST_SUITE("operators/map_async") {
    TEST_CASE("map_async emits results in the order of the items") {
        marbles m;
        CHECK(m.play(m.hot("--a-b-c-------|") | map_async(2, [&m](char c) { return value_after(m.ticks(5), c); })) ==
              "-------a-b--c-|");
        // The first takes longest.
        CHECK(m.play(m.hot<int>("731|") | map_async(3, [&m](int n) {
                         return value_after(m.ticks(n), static_cast<char>('0' + n));
                     })) == "-------[731|]");
    }

    TEST_CASE("map_async rejects n less than 1") {
        const auto f = [](int x) { return support::one_turn{x}; };
        CHECK_THROWS_WITH_AS(map_async(0, f), "weir::map_async(n, f): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(map_async(-1, f), std::invalid_argument);
        CHECK_NOTHROW(map_async(1ull, f));
    }

    TEST_CASE("map_async starts nothing before the first poll, and holds at most n operations and results") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async, 3)};
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
        CHECK(w.made == 3); // both wait behind the first
        CHECK(sink.items().empty());
        w.work[0].complete(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        CHECK(w.made == 4);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(w.made == 5);
    }

    TEST_CASE(
        "map_async: an error of an operation comes in its place, and what was started after it is dropped at once") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async, 5)};
        sink.request();
        w.push_items(10);
        ex.run_ready();
        w.work[4].complete(4);
        w.work[2].fail(failure());
        ex.run_ready();
        CHECK(w.source.dropped());
        CHECK(w.running() == 2);
        CHECK(w.work[3].dropped());
        CHECK_FALSE(sink.failed());
        w.work[1].complete(1);
        ex.run_ready();
        CHECK(sink.items().empty());
        w.work[0].complete(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1});
        CHECK(sink.error_message() == "failed");
        CHECK(w.made == 5);
    }

    TEST_CASE("map_async delivers the error of the earlier item of two") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async, 5)};
        sink.request();
        w.push_items(4);
        w.source.fail(failure("upstream"));
        ex.run_ready();
        w.work[3].fail(failure("third"));
        ex.run_ready();
        w.work[1].fail(failure("first"));
        ex.run_ready();
        CHECK(w.work[2].dropped());
        w.work[0].complete(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{0});
        CHECK(sink.error_message() == "first");
    }

    TEST_CASE("map_async: an error of upstream follows the results of the operations in flight") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async, 5)};
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
        CHECK(sink.items() == numbers{0, 1});
        CHECK(sink.error_message() == "upstream");
    }

    TEST_CASE("map_async: an exception from the function arrives in the item's place and drops upstream at once") {
        virtual_executor ex;
        probe<int> source;
        support::manual<int> first;
        probe_sink sink{ex, source.stream() | map_async(3, [&](int x) {
                                if (x == 1) throw std::runtime_error{"nothing for 1"};
                                return first.operation();
                            })};
        sink.request();
        source.push(0);
        source.push(1);
        ex.run_ready();
        CHECK(source.dropped());
        CHECK_FALSE(sink.failed());
        first.complete(5);
        ex.run_ready();
        CHECK(sink.items() == numbers{5});
        CHECK(sink.error_message() == "nothing for 1");
    }

    TEST_CASE("map_async polls only the operations that woke it") {
        virtual_executor ex;
        workshop w;
        probe_sink sink{ex, w.mapped(map_async, 10)};
        sink.request();
        w.push_items(10);
        ex.run_ready();
        for (std::size_t i = 9; i != 0; --i) {
            w.work[i].complete(1);
            ex.run_ready();
        }
        CHECK(w.work[0].polls() == 1);
        CHECK(w.source.polls() == 10);
        CHECK(sink.polls() == 1);
    }

    TEST_CASE("map_async agrees with transform in any order of arrival and completion, with at most n in flight") {
        std::mt19937 random{20240607};
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
            const auto expected =
                items | ranges::views::transform([](int x) { return x * 3; }) | ranges::to<std::vector>();
            CHECK(support::arrive_at_random(random, items, map_async(limit, work)) == expected);
            CHECK(most <= limit);
        }
    }
}

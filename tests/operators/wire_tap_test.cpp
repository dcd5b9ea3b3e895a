// SPDX-License-Identifier: MIT
#include <weir/operators/wire_tap.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include <arrivals.hpp>
#include <numbers.hpp>
#include <side_sinks.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/finally.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::fails_at;
using support::notes;
using support::numbers;
using support::reports;
using weir::overflow;

TEST_SUITE("operators/wire_tap") {
    TEST_CASE("wire_tap does what a sink beside the stream does") { support::check_side_sink(weir::wire_tap); }

    TEST_CASE("wire_tap reports an item that cannot be copied, and goes on") {
        CHECK(support::failure_of_copy(weir::wire_tap) == "3 copy");
    }

    TEST_CASE("wire_tap drops items for a sink that is behind, and never slows the stream") {
        const auto seen_and_dropped = [](overflow policy) {
            marbles m;
            std::string seen;
            std::string dropped;
            const weir::wire_tap_options two{.capacity = 2, .overflow = policy};
            const auto drop = [&](char c) { dropped += c; };
            CHECK(m.play(m.hot("a-b-c-d-e-----|") | weir::wire_tap(notes(seen, m.ticks(6)), two, drop)) ==
                  "a-b-c-d-e-----|");
            return seen + " " + dropped;
        };
        CHECK(seen_and_dropped(overflow::drop_newest) == "abc ed");
        CHECK(seen_and_dropped(overflow::drop_oldest) == "abd ce");
        CHECK(seen_and_dropped(overflow::latest) == "ace bd");
    }

    TEST_CASE("wire_tap: a sink that waits at the end is dropped, with the items held for it") {
        marbles m;
        std::string seen;
        std::string dropped;
        const auto drop = [&](char c) { dropped += c; };
        CHECK(m.play(m.hot("[abc]-|") | weir::wire_tap(notes(seen, m.ticks(9)), {}, drop)) == "[abc]-|");
        CHECK(seen == "a");
        CHECK(dropped == "bc");
        CHECK(m.executor().stats().timers_armed == 0);
    }

    TEST_CASE("wire_tap reports an error of the sink to the executor, and goes on") {
        virtual_executor ex;
        const reports reported{ex};
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::wire_tap(fails_at(0))};
        sink.request();
        for (int i = 0; i != 3; ++i) source.push(i);
        ex.run_ready();
        CHECK(reported.text() == "sink");
        source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(sink.failed());
        CHECK(reported.text() == "sink");
    }

    TEST_CASE("wire_tap reports an error of the sink that comes with the end") {
        const auto fails = [] { throw std::runtime_error{"end"}; };
        virtual_executor ex;
        const reports reported{ex};
        numbers passed;
        ex.run(weir::iota(0, 3) | weir::wire_tap(fails_at(2)) | weir::wire_tap(weir::finally(fails) | weir::drain()) |
               notes(passed));
        CHECK(passed == numbers{0, 1, 2});
        CHECK(reported.text() == "sinkend");
    }

    TEST_CASE("wire_tap pulls nothing early, holds no more than its capacity, and drops all with the consumer") {
        virtual_executor ex;
        const auto alive = std::make_shared<int>(0);
        probe<std::shared_ptr<int>> source;
        for (int i = 0; i != 1000; ++i) source.push(alive);
        const auto stuck = weir::for_each([](auto) -> weir::task<> { co_await weir::sleep_for(1h); });
        std::size_t dropped = 0;
        auto pipeline = source.stream() | weir::wire_tap(stuck, {.capacity = 3}, [&](auto) { ++dropped; });
        auto running = std::make_unique<weir::join_handle<decltype(std::move(pipeline) | weir::drain())>>(
            ex.spawn(std::move(pipeline) | weir::drain()));
        CHECK(source.polls() == 0);
        ex.run_ready();
        CHECK(source.taken() == 1000);
        CHECK(alive.use_count() == 5); // here, in the sink, and held
        CHECK(dropped == 996);
        running.reset();
        CHECK(dropped == 999);
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("wire_tap passes all items, whenever they arrive, and drops or delivers each to the sink") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            std::size_t seen = 0;
            std::size_t dropped = 0;
            const auto note = weir::for_each([&](int) -> weir::task<> {
                ++seen;
                co_await weir::yield();
            });
            CHECK(support::arrive_at_random(random, items,
                                            weir::wire_tap(note, {.capacity = 1}, [&](int) { ++dropped; })) == items);
            CHECK(seen + dropped == items.size());
        }
    }

    TEST_CASE("wire_tap rejects options that make no sense") {
        CHECK_THROWS_WITH_AS(weir::wire_tap(weir::drain(), {.capacity = 0}),
                             "weir::wire_tap({.capacity}): capacity must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(weir::wire_tap(weir::drain(), {.overflow = overflow::suspend}), std::invalid_argument);
        CHECK_THROWS_AS(weir::wire_tap(weir::drain(), {.overflow = overflow::error}), std::invalid_argument);
    }
}

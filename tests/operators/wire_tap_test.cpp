// SPDX-License-Identifier: MIT
#include <weir/operators/wire_tap.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <random>
#include <source_location>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::overflow;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;

namespace {

/// A sink that notes items, and is busy for some time with each.
auto notes(std::string& seen, weir::duration busy = {}) {
    return weir::for_each([&seen, busy](char c) -> weir::task<> {
        seen += c;
        if (busy != weir::duration{}) co_await weir::sleep_for(busy);
    });
}

} // namespace

TEST_SUITE("operators/wire_tap") {
    TEST_CASE("wire_tap passes items, the end and errors, and a sink that keeps up sees all") {
        for (const std::string diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            std::string seen;
            CHECK(m.play(m.hot(diagram) | weir::wire_tap(notes(seen))) == diagram);
            std::string expected;
            for (const char c : diagram) {
                if (c >= 'a' && c <= 'z') expected += c;
            }
            CHECK(seen == expected);
        }
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
        std::string reported;
        ex.on_error([&](std::exception_ptr error, std::source_location) {
            try {
                std::rethrow_exception(error);
            } catch (const std::runtime_error& e) {
                reported += e.what();
            }
        });
        probe<int> source;
        const auto fails = weir::for_each([](int) { throw std::runtime_error{"sink"}; });
        probe_sink sink{ex, source.stream() | weir::wire_tap(fails)};
        sink.request();
        for (int i = 0; i != 3; ++i) source.push(i);
        ex.run_ready();
        CHECK(reported == "sink");
        source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(sink.failed());
        CHECK(reported == "sink");
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

    TEST_CASE("wire_tap allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::wire_tap(weir::drain()) | weir::drain());
              }) == 0);
    }

    TEST_CASE("wire_tap rejects options that make no sense") {
        CHECK_THROWS_WITH_AS(weir::wire_tap(weir::drain(), {.capacity = 0}),
                             "weir::wire_tap({.capacity}): capacity must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(weir::wire_tap(weir::drain(), {.overflow = overflow::suspend}), std::invalid_argument);
        CHECK_THROWS_AS(weir::wire_tap(weir::drain(), {.overflow = overflow::error}), std::invalid_argument);
    }

    TEST_CASE("wire_tap keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::wire_tap(weir::drain()); }, {.copies = 1}) == "");
    }
}

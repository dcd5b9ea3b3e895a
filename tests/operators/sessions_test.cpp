// SPDX-License-Identifier: MIT
#include <weir/operators/sessions.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;
using groups = std::vector<numbers>;

TEST_SUITE("operators/sessions") {
    TEST_CASE("sessions emits items without a pause between them together after the pause") {
        marbles m;
        CHECK(m.play(m.hot("a-b-----c-d-e-----|") | weir::sessions(3ms)) == "-----(ab)---------(cde)--|");
        CHECK(m.play(m.cold("a--b--c...") | weir::sessions(2ms)) == "--(a)--(b)--(c)...");
    }

    TEST_CASE("sessions emits no session for no items, and the held one before the end and an error") {
        marbles m;
        CHECK(m.play(m.hot("---|") | weir::sessions(2ms)) == "---|");
        CHECK(m.play(m.cold("#") | weir::sessions(2ms)) == "#");
        CHECK(m.play(m.cold("a|") | weir::sessions(2ms)) == "-[(a)|]");
        CHECK(m.play(m.cold("a-b-#") | weir::sessions(9ms)) == "----[(ab)#]");
    }

    TEST_CASE("sessions prefers an item, the end or an error in the tick in which the pause ends") {
        marbles m;
        CHECK(m.play(m.hot("a--b--|") | weir::sessions(3ms)) == "------[(ab)|]");
        CHECK(m.play(m.cold("a--#") | weir::sessions(3ms)) == "---[(a)#]");
    }

    TEST_CASE("sessions emits a session at once when it has reached the limit") {
        marbles m;
        CHECK(m.play(m.hot("[abcde]----|") | weir::sessions(2ms, 2)) == "[(ab)(cd)]-(e)--|");
        virtual_executor ex;
        probe<int> source; // ready for ever
        for (int i = 0; i != 1000; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::sessions(1s, 10)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 10);
    }

    TEST_CASE("sessions emits the same sessions to a slow consumer and to one that stops early") {
        marbles m;
        CHECK(m.play(m.hot("ab---c---d---|") | weir::sessions(2ms) | weir::take(1)) == "---[(ab)|]");
        // What was ready all the time has no pause in it.
        CHECK(support::seen_when_busy(m, 20, m.cold("ab---c---d---|") | weir::sessions(2ms)) == "(ab)(cd)|");
    }

    TEST_CASE("sessions emits a session whose pause has ended at the next poll") {
        virtual_executor ex;
        probe<int> source;
        auto stream = source.stream() | weir::sessions(10ms);
        weir::waker idle{[](weir::waker&) noexcept {}};
        idle.bind(weir::detail::executor_access::queue(ex));
        weir::context cx{idle};
        source.push(1);
        CHECK(stream.poll_next(cx).is_pending());
        ex.advance(1h);
        CHECK(*stream.poll_next(cx) == numbers{1});
    }

    TEST_CASE("sessions agree with a model for items at random times") {
        std::mt19937 random{1};
        for (int round = 0; round != 200; ++round) {
            const auto gap = std::uniform_int_distribution<int>{1, 5}(random);
            numbers pauses(std::uniform_int_distribution<std::size_t>{0, 15}(random));
            for (int& pause : pauses) pause = std::uniform_int_distribution<int>{0, 8}(random);
            groups expected;
            for (int i = 0; i != static_cast<int>(pauses.size()); ++i) {
                // An item that arrives when the pause is over still belongs to the session.
                if (expected.empty() || pauses[static_cast<std::size_t>(i)] > gap) expected.emplace_back();
                expected.back().push_back(i);
            }
            const auto timed = [&]() -> weir::async_stream<int> {
                for (int i = 0; i != static_cast<int>(pauses.size()); ++i) {
                    if (const int pause = pauses[static_cast<std::size_t>(i)]; pause != 0) {
                        co_await weir::sleep_for(pause * 1ms);
                    }
                    co_yield i;
                }
            };
            virtual_executor ex;
            CHECK(ex.run(timed() | weir::sessions(gap * 1ms) | weir::to<std::vector>()) == expected);
        }
    }

    TEST_CASE("sessions arms no timer and allocates nothing per item") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::sessions(10ms)};
        sink.request();
        ex.run_ready();
        const auto turns = ex.stats().wakers_run;
        for (int i = 0; i != 1000; ++i) {
            source.push(i);
            ex.run_ready();
        }
        CHECK(ex.stats().wakers_run - turns == 1000);
        CHECK(ex.stats().timers_armed == 1);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) | weir::sessions(1s) | weir::drain());
              }) <= 2); // a vector that is longer grows more often
    }

    TEST_CASE("sessions accepts move-only items") {
        virtual_executor ex;
        const auto all = ex.run(weir::iota(0, 3) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                                weir::sessions(1s) | weir::to<std::vector>());
        REQUIRE(all.size() == 1);
        CHECK(all[0].size() == 3);
    }

    TEST_CASE("sessions rejects an invalid gap and an invalid limit") {
        CHECK_THROWS_WITH_AS(weir::sessions(0s), "weir::sessions(gap): gap must be positive", std::invalid_argument);
        CHECK_THROWS_AS(weir::sessions(-1s, 2), std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::sessions(1s, 0), "weir::sessions(gap, limit): limit must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("sessions keeps the contract of a stream") {
        const auto size = weir::map([](auto session) { return session.size(); });
        CHECK(check_contract([&] { return weir::sessions(1s, 3) | size; }, {.prefetch = 2}) == "");
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/consumer_timeout.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <stdexcept>

#include <allocations.hpp>
#include <failure.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;
using weir::consumer_timeout;

TEST_SUITE("operators/consumer_timeout") {
    TEST_CASE("consumer_timeout passes items, the end and errors to a consumer that asks in time") {
        for (const char* diagram :
             {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b-------c--------|"}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | consumer_timeout(m.ticks(2))) == diagram);
        }
        marbles m;
        CHECK(support::seen_when_busy(m, 4, m.cold("a-b-c-d|") | consumer_timeout(m.ticks(4))) == "abcd|");
        CHECK_THROWS_WITH_AS(support::seen_when_busy(m, 5, m.cold("a-b-c-d|") | consumer_timeout(m.ticks(4))),
                             "weir::consumer_timeout: the consumer has not asked for an item within 4ms",
                             weir::timed_out);
    }

    TEST_CASE("consumer_timeout destroys upstream when the time is up, and fails when the consumer asks") {
        for (const bool in_a_loop : {false, true}) {
            virtual_executor ex;
            probe<int> source;
            for (const int x : {1, 2, 3}) source.push(x);
            numbers seen;
            auto limited = source.stream() | consumer_timeout(4s);
            const auto busy = [&](int x) -> weir::task<> {
                seen.push_back(x);
                const auto time = x == 2 ? 6s : 3s;
                co_await weir::sleep_for(time);
            };
            const auto asks = [&]() -> weir::task<> {
                while (auto x = co_await weir::next(limited)) co_await busy(*x);
            };
            const auto consumer = [&]() -> weir::task<> {
                if (in_a_loop) {
                    co_await (std::move(limited) | weir::for_each(busy));
                } else {
                    co_await asks();
                }
            };
            auto handle = ex.spawn(consumer());
            ex.run_ready();
            ex.advance(6s);
            ex.advance(1s);
            CHECK_FALSE(source.dropped());
            ex.advance(1ns);
            CHECK(source.dropped());
            CHECK_FALSE(handle.finished());
            ex.advance(2s);
            CHECK(handle.finished());
            CHECK(seen == numbers{1, 2});
            CHECK(source.taken() == 2);
            CHECK_THROWS_AS(ex.run(std::move(handle)), weir::timed_out);
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("consumer_timeout sets one timer per d, and allocates nothing per item") {
        virtual_executor ex;
        ex.run(weir::iota(0, 10'000) | consumer_timeout(1s) | weir::for_each([](int) {}));
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) | consumer_timeout(1s) | weir::for_each([](int) {}));
              }) == 0);
    }

    TEST_CASE("consumer_timeout keeps the contract of a stream, and rejects a duration of 0") {
        CHECK(check_contract([] { return consumer_timeout(1h); }) == "");
        CHECK_THROWS_WITH_AS(consumer_timeout(0s), "weir::consumer_timeout(d): d must be more than zero",
                             std::invalid_argument);
    }
}

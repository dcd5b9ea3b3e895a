// SPDX-License-Identifier: MIT
#include <weir/operators/timeout.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
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

TEST_SUITE("operators/timeout") {
    TEST_CASE("timeout fails when an item does not arrive in time") {
        marbles m;
        CHECK(m.play(m.hot("a--b-----c--|") | weir::timeout(4ms)) == "a--b---#");
    }

    TEST_CASE("timeout: the error names the awaited item and the time") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::timeout(300ms)};
        sink.request();
        ex.advance(1s);
        CHECK(sink.error_message() == "weir::timeout: no item within 300ms");
        try {
            std::rethrow_exception(sink.error());
        } catch (const weir::timed_out& e) {
            CHECK(e.limit() == 300ms);
        }
        CHECK(source.dropped());
        CHECK(weir::detail::to_text(2s) == "2s");
        CHECK(weir::detail::to_text(1500ms) == "1500ms");
        CHECK(weir::detail::to_text(20us) == "20us");
        CHECK(weir::detail::to_text(7ns) == "7ns");
        CHECK(weir::detail::to_text(0ns) == "0s");
    }

    TEST_CASE("timeout of 300 ms restarts at each item, passes gaps of 100 ms and fails at one of 400 ms") {
        bool ran_on = false;
        const auto source = [&]() -> weir::async_stream<int> {
            for (int i = 0; i != 5; ++i) {
                co_await weir::sleep_for(100ms);
                co_yield i;
            }
            co_await weir::sleep_for(400ms);
            ran_on = true;
            co_yield 5;
        };
        virtual_executor ex;
        probe_sink sink{ex, source() | weir::timeout(300ms)};
        sink.request();
        ex.advance(500ms + 299ms);
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4});
        CHECK_FALSE(sink.failed());
        ex.advance(1ms);
        CHECK(sink.failed());
        ex.advance(1s);
        CHECK_FALSE(ran_on);
    }

    TEST_CASE("timeout does not count the time while the consumer is busy") {
        virtual_executor ex;
        int count = 0;
        ex.run(weir::interval(10ms) | weir::take(5) | weir::timeout(11ms) | weir::for_each([&](auto) -> weir::task<> {
                   ++count;
                   co_await weir::sleep_for(25ms);
               }));
        CHECK(count == 5);
    }

    TEST_CASE("timeout: an item that is ready in the turn in which the time runs out wins") {
        marbles m;
        CHECK(m.play(m.hot("---a--b--|") | weir::timeout(3ms)) == "---a--b--|");
        // Even if it takes more than one step within that turn.
        const auto source = []() -> weir::async_stream<int> {
            const auto inner = []() -> weir::task<int> {
                co_await weir::sleep_for(3ms);
                co_return 1;
            };
            auto outer = [&]() -> weir::task<int> { co_return co_await inner(); };
            co_yield co_await outer();
        };
        virtual_executor ex;
        probe_sink sink{ex, source() | weir::timeout(3ms)};
        sink.request();
        ex.advance(1s);
        CHECK(sink.items() == numbers{1});
        CHECK(sink.ended());
    }

    TEST_CASE("timeout: an item that is ready wins over a time that ran out long ago") {
        virtual_executor ex;
        probe<int> source;
        auto stream = source.stream() | weir::timeout(10ms);
        weir::waker idle{[](weir::waker&) noexcept {}};
        idle.bind(weir::detail::executor_access::queue(ex));
        weir::context cx{idle};
        CHECK(stream.poll_next(cx).is_pending());
        ex.advance(1h);
        source.push(1);
        CHECK(*stream.poll_next(cx) == 1);
        CHECK(stream.poll_next(cx).is_pending());
        ex.advance(9ms);
        CHECK(stream.poll_next(cx).is_pending());
    }

    TEST_CASE("timeout: a limit of 0 requires an item in the same turn") {
        marbles m;
        CHECK(m.play(m.hot("[abc|]") | weir::timeout(0s)) == "[abc|]");
        marbles late;
        CHECK(late.play(late.hot("[ab]--c|") | weir::timeout(0s)) == "[ab#]");
    }

    TEST_CASE("timeout: a fallback stream has no time limit") {
        marbles m;
        CHECK(m.play(m.hot("a--b-----c--|") | weir::timeout(4ms, [&] { return m.cold("-x-------y|"); })) ==
              "a--b----x-------y|");
        marbles unused;
        bool made = false;
        CHECK(unused.play(unused.hot("a--b--|") | weir::timeout(4ms, [&] {
                              made = true;
                              return unused.cold("x|");
                          })) == "a--b--|");
        CHECK_FALSE(made);
        marbles failing;
        CHECK(failing.play(failing.hot("a-#") | weir::timeout(4ms, [&] { return failing.cold("x|"); })) == "a-#");
        marbles ready;
        CHECK(ready.play(ready.hot("a----|") | weir::timeout(2ms, [&] { return ready.cold("[xy|]"); })) == "a-[xy|]");
    }

    TEST_CASE("timeout drops upstream before it creates the fallback") {
        virtual_executor ex;
        probe<int> source;
        bool dropped_before = false;
        probe_sink sink{ex, source.stream() | weir::timeout(10ms, [&] {
                                dropped_before = source.dropped();
                                return weir::iota(0, 3);
                            })};
        sink.request();
        ex.advance(10ms);
        CHECK(dropped_before);
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("timeout: an exception from the fallback's function fails the stream") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::timeout(10ms, []() -> weir::async_stream<int> {
                                throw std::runtime_error{"no fallback"};
                            })};
        sink.request();
        ex.advance(10ms);
        CHECK(sink.error_message() == "no fallback");
        CHECK(source.dropped());
    }

    TEST_CASE("timeout arms no timer per item") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::timeout(10ms)};
        sink.request();
        for (int i = 0; i != 1000; ++i) {
            source.push(i);
            ex.run_ready();
            CHECK(ex.stats().timers_armed <= 1);
        }
        source.end();
        ex.run_ready();
        CHECK(ex.stats().timers_armed == 0);
        virtual_executor busy;
        busy.run(weir::iota(0, 5000) | weir::timeout(10ms) |
                 weir::for_each([&](int) { CHECK(busy.stats().timers_armed == 0); }));
    }

    TEST_CASE("timeout passes on items that arrive in time") {
        std::mt19937 random{1};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 30, 0, 9);
            CHECK(support::arrive_at_random(random, items, weir::timeout(1ms)) == items);
        }
    }

    TEST_CASE("timeout allocates nothing per item") {
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::interval(1ms) | weir::take(static_cast<std::size_t>(n)) | weir::timeout(2ms) |
                         weir::for_each([](auto) {}));
              }) == 0);
    }

    TEST_CASE("timeout accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) | weir::timeout(1ms) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 15);
    }

    TEST_CASE("timeout rejects negative times") {
        CHECK_THROWS_WITH_AS(weir::timeout(-1ms), "weir::timeout(d): d is negative", std::invalid_argument);
        CHECK_THROWS_AS(weir::timeout(-1ms, [] { return weir::iota(0, 1); }), std::invalid_argument);
    }

    TEST_CASE("timeout keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::timeout(1h); }) == "");
        CHECK(check_contract([] {
                  return weir::timeout(
                      1h, [] { return weir::iota(0, 3) | weir::map([](int i) { return weir::testing::tracked{i}; }); });
              }) == "");
    }
}

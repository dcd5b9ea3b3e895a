// SPDX-License-Identifier: MIT
#include <weir/operators/window.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <range/v3/range/conversion.hpp>
#include <range/v3/view/chunk.hpp>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/first.hpp>
#include <weir/sink/fold.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
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

namespace {

constexpr auto counted = [](auto items) { return std::move(items) | weir::count(); };
constexpr auto collected = [](auto items) { return std::move(items) | weir::to<std::vector>(); };
/// A number as a character.
constexpr auto digit = [] { return weir::map([](std::size_t n) { return static_cast<char>('0' + n); }); };

} // namespace

TEST_SUITE("operators/window") {
    TEST_CASE("window by a number, a time or a signal emits the result of an operation for each window") {
        constexpr auto in = "--a-b------c-d-e----|";
        marbles m;
        CHECK(m.play(m.hot(in) | weir::window(2, counted) | digit()) == "----2--------2------[1|]");
        CHECK(m.play(m.cold(in) | weir::window(4ms, counted) | digit()) == "------2--------2---1|");
        CHECK(m.play(m.cold(in) | weir::window(m.cold("-s-s---s----------s--"), counted) | digit()) ==
              "---1---1----------3-|");
    }

    TEST_CASE("window by a function of the item lasts as long as that says for the first item of a window") {
        constexpr auto in = "abc----bcd-----e--|";
        marbles m;
        int calls = 0;
        const auto length = [&](char first) { return ++calls, (first - 'a') * 2ms; };
        CHECK(m.play(m.cold(in) | weir::window(length, counted) | digit()) == "1--2-----2-----1--[1|]");
        CHECK(calls == 5);
        const auto negative = [](char) { return -1ms; };
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota('a', 'c') | weir::window(negative, counted) | weir::drain()),
                             "weir::window(f, ...): f has returned a negative duration", std::invalid_argument);
    }

    TEST_CASE("window may be dropped by the function that says how long a window lasts") {
        virtual_executor ex;
        probe<int> source;
        std::function<void()> drop;
        int results = 0;
        const auto length = [&](int item) {
            if (item == 2) drop();
            return 1ms;
        };
        const auto counts = [&](auto items) {
            ++results;
            return std::move(items) | weir::count();
        };
        probe_sink sink{ex, source.stream() | weir::window(length, counts)};
        drop = [&] { sink.drop(); };
        sink.request();
        source.push(1);
        ex.advance(2ms);
        source.push(2);
        source.push(3);
        ex.advance(2ms);
        CHECK(results == 1);
        CHECK(sink.items() == std::vector<std::size_t>{1});
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("window with back_to_back has windows without items, on one clock") {
        marbles m;
        CHECK(m.play(m.cold("--a-b------c-d-e----|") | weir::window(weir::back_to_back{6ms}, counted) | digit()) ==
              "------2-----1-----2-[0|]");
        CHECK(m.play(m.cold("--#") | weir::window(weir::back_to_back{2ms}, counted) | digit()) == "--[00#]");
        CHECK(m.play(m.cold("---...") | weir::window(weir::back_to_back{2ms}, counted) | digit(), 6) == "--0-0-0...");
        CHECK(m.play(m.cold("ab--c-------|") | weir::window(weir::back_to_back{3ms}, collected)) ==
              "---(ab)--(c)--()--[()()|]");
        const auto left = [](auto items) { return std::move(items) | weir::first(); };
        CHECK(m.play(m.cold("ab--c---|") | weir::window(weir::back_to_back{3ms}, left)) == "a---c---[_|]");
    }

    TEST_CASE("window with back_to_back does not drift, and leaves out the windows that a busy consumer has missed") {
        virtual_executor ex;
        int results = 0;
        const auto late = [&](auto items) -> weir::task<weir::time_point> {
            co_await (std::move(items) | weir::drain());
            co_return weir::executor::current()->now();
        };
        const auto start = ex.now();
        ex.run(weir::interval(10s) | weir::window(weir::back_to_back{7s}, late) | weir::take(140'000) |
               weir::for_each([&](weir::time_point end) { REQUIRE(end == start + ++results * 7s); }));
        CHECK(ex.now() - start == 980'000s);
        const auto busy = [&](weir::time_point) { return weir::sleep_for(700s); };
        const auto before = ex.now();
        ex.run(weir::interval(10s) | weir::window(weir::back_to_back{7s}, late) | weir::take(3) | weir::for_each(busy));
        CHECK(ex.now() - before == 3 * 707s);
    }

    TEST_CASE("window has no window for no items, and delivers the last result before the end or an error") {
        marbles m;
        CHECK(m.play(m.hot("--|") | weir::window(2, counted) | digit()) == "--|");
        CHECK(m.play(m.cold("#") | weir::window(2ms, counted) | digit()) == "#");
        CHECK(m.play(m.cold("-a|") | weir::window(2, counted) | digit()) == "--[1|]");
        CHECK(m.play(m.cold("-ab#") | weir::window(9ms, counted) | digit()) == "---[2#]");
        CHECK(m.play(m.cold("-ab----|") | weir::window(m.cold("---#"), counted) | digit()) == "---[2#]");
        CHECK(m.play(m.cold("-a-b--|") | weir::window(m.cold("|"), counted) | digit()) == "------[2|]");
    }

    TEST_CASE("window: an item of the tick in which a window ends belongs to the next one") {
        marbles m;
        CHECK(m.play(m.hot("a--b-----|") | weir::window(3ms, counted) | digit()) == "---1--1--|");
        CHECK(m.play(m.cold("a--|") | weir::window(3ms, counted) | digit()) == "---[1|]");
        CHECK(m.play(m.cold("a--b-----|") | weir::window(m.cold("---s"), counted) | digit()) == "---1-----[1|]");
    }

    TEST_CASE("window drops what an operation leaves of its window, after its result") {
        virtual_executor ex;
        numbers dropped;
        const auto first = [](auto items) { return std::move(items) | weir::first(); };
        const auto drop = [&](int x) { dropped.push_back(x); };
        const auto firsts = ex.run(weir::iota(0, 8) | weir::window(3, first, drop) |
                                   weir::map([](auto item) { return item.value(); }) | weir::to<std::vector>());
        CHECK(firsts == numbers{0, 3, 6});
        CHECK(dropped == numbers{1, 2, 4, 5, 7});
        dropped.clear();
        const auto reads_none = [](auto) -> weir::task<> { co_return; };
        ex.run(weir::iota(0, 4) | weir::window(3, reads_none, drop) | weir::drain());
        CHECK(dropped == numbers{0, 1, 2, 3});
    }

    TEST_CASE("window polls upstream for the demand of an operation only, and drops all with the consumer") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        const auto reads_two = [](auto items) -> weir::task<int> {
            co_await weir::next(items);
            co_await weir::sleep_for(1h);
            co_return *co_await weir::next(items);
        };
        probe_sink sink{ex, source.stream() | weir::window(5, reads_two)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 1);
        ex.advance(1h);
        CHECK(sink.items() == numbers{1});
        CHECK(source.taken() == 2);
        sink.request();
        ex.run_ready();
        sink.drop();
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("window: an exception from the function or the operation ends the stream") {
        const auto throws = [](int where) {
            virtual_executor ex;
            probe<int> source;
            source.push(1);
            source.push(2);
            const auto check = [=](int here) {
                if (here == where) throw std::runtime_error{"window"};
            };
            const auto operation = [=](auto items) {
                check(0);
                return std::move(items) | weir::take(1) | weir::for_each([=](int) { check(1); });
            };
            CHECK_THROWS_WITH(ex.run(source.stream() | weir::window(9, operation) | weir::drain()), "window");
            CHECK(source.dropped());
        };
        throws(0);
        throws(1);
    }

    TEST_CASE("window keeps its argument as long as the operation that refers to it") {
        virtual_executor ex;
        const auto by_reference = [](auto&& items) -> weir::task<int> {
            co_await weir::sleep_for(1ms);
            int sum = 0;
            while (const auto item = co_await weir::next(items)) sum += *item;
            co_return sum;
        };
        CHECK(ex.run(weir::iota(0, 6) | weir::window(3, by_reference) | weir::to<std::vector>()) == numbers{3, 12});
    }

    TEST_CASE("window: the stream of a window that outlives its operation ends") {
        virtual_executor ex;
        probe<int> source;
        source.push(1);
        using items = weir::window_items<decltype(source.stream()), weir::detail::window_of_items>;
        std::optional<items> kept;
        const auto hands_out = [&](items window) -> weir::task<> {
            kept.emplace(std::move(window));
            co_await weir::sleep_for(1ms);
        };
        auto running = std::optional{ex.spawn(source.stream() | weir::window(9, hands_out) | weir::drain())};
        ex.run_ready();
        probe_sink sink{ex, std::move(*kept)};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK_FALSE(sink.ended());
        ex.advance(1ms);
        CHECK(sink.ended());
        running.reset();
        CHECK(source.dropped());
    }

    TEST_CASE("window by an interval has no drift, and one window for a stall") {
        virtual_executor ex;
        std::optional<weir::duration> last;
        ex.run(weir::interval(100s) | weir::window(weir::interval(1000s), counted) | weir::take(1000) |
               weir::for_each([&](std::size_t) { last = ex.elapsed(); }));
        CHECK(*last == 1'000'000s);
        marbles m;
        CHECK(support::seen_when_busy(m, 50, m.cold("ababababab|") | weir::window(2ms, counted) | digit()) == "28|");
    }

    TEST_CASE("window agrees with range-v3") {
        std::mt19937 random{1};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const std::size_t n = 1 + static_cast<std::size_t>(round) % 5;
            CHECK(support::arrive_at_random(random, items, weir::window(n, collected)) ==
                  (items | ranges::views::chunk(n) | ranges::to<std::vector<numbers>>()));
        }
    }

    TEST_CASE("window allocates nothing per item or window, and accepts move-only items") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::window(10, counted) | weir::drain());
              }) == 0);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::window(weir::never<int>(), counted) | weir::drain());
              }) == 0);
        virtual_executor ex;
        const auto sum = [](auto items) {
            return std::move(items) | weir::fold(0, [](int s, std::unique_ptr<int> x) { return s + *x; });
        };
        CHECK(ex.run(weir::iota(0, 4) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                     weir::window(3, sum) | weir::to<std::vector>()) == numbers{3, 3});
    }

    TEST_CASE("window rejects an extent that is not positive") {
        CHECK_THROWS_WITH_AS(weir::window(0, counted), "weir::window(n, f): n must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::window(0s, counted), "weir::window(d, f): d must be positive",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::window(weir::back_to_back{-1s}, counted),
                             "weir::window(back_to_back{d}, f): d must be positive", std::invalid_argument);
    }

    TEST_CASE("window keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::window(2, counted); }, {.prefetch = 1}) == "");
        CHECK(check_contract([] { return weir::window(1h, counted); }, {.prefetch = 8}) == "");
    }
}

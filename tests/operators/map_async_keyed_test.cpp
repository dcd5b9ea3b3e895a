// SPDX-License-Identifier: MIT
#include <weir/operators/map_async_keyed.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <manual.hpp>
#include <numbers.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/task.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;

namespace {

constexpr auto parity = [](int x) { return x % 2; };
constexpr auto same = [](auto&&) { return 0; };

/// Letters take three ticks; the key is the case.
constexpr auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
weir::task<char> in_three_ticks(char c) {
    co_await weir::sleep_for(3ms);
    co_return c;
}

weir::task<int> at_once(int x) { co_return x; }
weir::task<int> in_a_while(int x) {
    co_await weir::sleep_for(1ms);
    co_return x;
}

} // namespace

TEST_SUITE("operators/map_async_keyed") {
    TEST_CASE("map_async_keyed runs operations of different keys concurrently, and those of one key in turn") {
        marbles m;
        CHECK(m.play(m.hot("aBc-------|") | weir::map_async_keyed(9, is_upper, in_three_ticks)) == "---aB-c---|");
        CHECK(m.play(m.cold("a---b-----|") | weir::map_async_keyed(9, is_upper, in_three_ticks)) == "---a---b--|");
        CHECK(m.play(m.cold("[aBcD]|") | weir::map_async_keyed(9, is_upper, in_three_ticks)) == "---[aB]--[cD|]");
        CHECK(m.play(m.cold("abc|") | weir::map_async_keyed(9, is_upper, in_three_ticks)) == "---a--b--[c|]");
        CHECK(m.play(m.cold("|") | weir::map_async_keyed(9, is_upper, in_three_ticks)) == "|");
    }

    TEST_CASE("map_async_keyed: no more than n operations are in flight or wait for their turn") {
        marbles m;
        CHECK(m.play(m.hot("[abC]|") | weir::map_async_keyed(2, is_upper, in_three_ticks)) == "---a--[bC|]");
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 100; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::map_async_keyed(5, same, in_a_while)};
        ex.advance(1s);
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.advance(1s);
        CHECK(sink.items() == numbers{0});
        CHECK(source.taken() == 6);
    }

    TEST_CASE("map_async_keyed delivers upstream's error after all results, and an operation's after ready ones") {
        marbles m;
        CHECK(m.play(m.hot("aB-#") | weir::map_async_keyed(9, is_upper, in_three_ticks)) == "---a[B#]");
        const auto fails_at_b = [](char c) -> weir::task<char> {
            co_await weir::sleep_for(3ms);
            if (c == 'b') throw weir::testing::marble_error{};
            co_return c;
        };
        CHECK(m.play(m.cold("abcD|") | weir::map_async_keyed(9, is_upper, fails_at_b)) == "---a--[D#]");
        const auto no_b = [](char c) {
            if (c == 'b') throw weir::testing::marble_error{};
            return 0;
        };
        CHECK(m.play(m.cold("ab|") | weir::map_async_keyed(9, no_b, in_three_ticks)) == "-#");
        const auto throws_at_b = [](char c) {
            if (c == 'b') throw weir::testing::marble_error{};
            return in_three_ticks(c);
        };
        CHECK(m.play(m.cold("abc|") | weir::map_async_keyed(9, is_upper, throws_at_b)) == "---[a#]");
    }

    TEST_CASE("map_async_keyed: the results of one key are in order under ten thousand random completions") {
        std::mt19937 random{1};
        const auto up_to = [&](int n) { return std::uniform_int_distribution<int>{0, n - 1}(random); };
        virtual_executor ex;
        std::map<int, int> running;
        int in_flight = 0;
        int most = 0;
        const auto work = [&](std::pair<int, int> item) -> weir::task<std::pair<int, int>> {
            CHECK(++running[item.first] == 1);
            most = std::max(most, ++in_flight);
            if (const int ticks = up_to(5); ticks != 0) co_await weir::sleep_for(ticks * 1ms);
            --running[item.first];
            --in_flight;
            co_return item;
        };
        std::vector<std::pair<int, int>> items;
        for (int i = 0; i != 10'000; ++i) items.emplace_back(up_to(50), i);
        std::map<int, int> last;
        std::size_t seen = 0;
        ex.run(weir::from_range(items) |
               weir::map_async_keyed(
                   16, [](const auto& item) { return item.first; }, work) |
               weir::for_each([&](std::pair<int, int> item) -> weir::task<> {
                   const auto [found, first] = last.emplace(item.first, item.second);
                   if (!first) CHECK(std::exchange(found->second, item.second) < item.second);
                   ++seen;
                   if (up_to(10) == 0) co_await weir::sleep_for(1ms);
               }));
        CHECK(seen == items.size());
        CHECK(most > 8);
        CHECK(most <= 16);
    }

    TEST_CASE("map_async_keyed accepts ever new keys and keys that own memory") {
        virtual_executor ex;
        numbers all;
        const auto text = [](int x) { return "a key that is too long for the object " + std::to_string(x / 2); };
        ex.run(weir::iota(0, 1000) | weir::map_async_keyed(4, text, in_a_while) |
               weir::for_each([&](int x) { all.push_back(x); }));
        std::sort(all.begin(), all.end());
        CHECK(all.size() == 1000);
        CHECK(std::adjacent_find(all.begin(), all.end()) == all.end());
    }

    TEST_CASE("map_async_keyed drops its operations and upstream when its consumer stops early") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        int alive = 0;
        const auto counted = [&](int x) -> weir::task<int> {
            const std::shared_ptr<int> guard((++alive, &alive), [](int* n) { --*n; });
            co_await weir::sleep_for(1ms);
            co_return x;
        };
        ex.run(source.stream() | weir::map_async_keyed(6, parity, counted) | weir::take(1) | weir::drain());
        CHECK(alive == 0);
        CHECK(source.dropped());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("map_async_keyed may be dropped by its functions and its operations") {
        for (const int where : {0, 1, 2}) {
            CAPTURE(where);
            virtual_executor ex;
            using handle = weir::join_handle<weir::task<>>;
            std::optional<handle> running;
            int after = 0;
            const auto drop_at_three = [&](int at, int x) {
                if (running == std::nullopt) ++after;
                if (where == at && x == 3) running.reset();
            };
            const auto key = [&](int x) {
                drop_at_three(0, x);
                return x % 2;
            };
            const auto f = [&](int x) {
                drop_at_three(1, x);
                return [](auto drop, int y) -> weir::task<int> {
                    co_await weir::sleep_for(1ms);
                    drop(2, y);
                    co_return y;
                }(drop_at_three, x);
            };
            running.emplace(ex.spawn([](auto k, auto g) -> weir::task<> {
                co_await (weir::iota(0, 10) | weir::map_async_keyed(4, k, g) | weir::drain());
            }(key, f)));
            ex.advance(1s);
            CHECK_FALSE(running.has_value());
            CHECK(after == 0);
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("map_async_keyed accepts move-only items") {
        virtual_executor ex;
        const auto items = ex.run(weir::iota(0, 4) | weir::map([](int i) { return std::make_unique<int>(i); }) |
                                  weir::map_async_keyed(2, same,
                                                        [](std::unique_ptr<int> p) -> weir::task<int> {
                                                            co_await weir::sleep_for(1ms);
                                                            co_return *p;
                                                        }) |
                                  weir::to<std::vector>());
        CHECK(items == numbers{0, 1, 2, 3});
    }

    TEST_CASE("map_async_keyed with one key keeps the order, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            const auto n = std::uniform_int_distribution<int>{1, 4}(random);
            CHECK(support::arrive_at_random(random, items, weir::map_async_keyed(n, same, at_once)) == items);
        }
    }

    TEST_CASE("map_async_keyed allocates nothing per item, whether or not its key is new") {
        const auto one_turn = [](int x) { return support::one_turn{x}; };
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::map_async_keyed(4, parity, one_turn) | weir::drain());
              }) == 0);
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) |
                         weir::map_async_keyed(4, [](int x) { return x; }, one_turn) | weir::drain());
              }) == 0);
    }

    TEST_CASE("map_async_keyed rejects n of 0") {
        CHECK_THROWS_WITH_AS(weir::map_async_keyed(0, parity, at_once),
                             "weir::map_async_keyed(n, key, f): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(weir::map_async_keyed(-1, parity, at_once), std::invalid_argument);
    }

    TEST_CASE("map_async_keyed keeps the contract of a stream") {
        const auto key = [](const auto& x) { return static_cast<int>(x) / 2; };
        const auto now = [](auto x) -> weir::task<decltype(x)> { co_return x; };
        const auto later = [](auto x) -> weir::task<decltype(x)> {
            co_await weir::sleep_for(1ms);
            co_return x;
        };
        CHECK(check_contract([&] { return weir::map_async_keyed(3, key, now); }, {.prefetch = 3}) == "");
        CHECK(check_contract([&] { return weir::map_async_keyed(3, key, later); }, {.prefetch = 3}) == "");
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/delay.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
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

TEST_SUITE("operators/delay") {
    TEST_CASE("delay delivers every item and the end later") {
        marbles m;
        CHECK(m.play(m.hot("a--bc-|") | weir::delay(2ms)) == "--a--bc-|");
    }

    TEST_CASE("delay: items of one turn stay together") {
        marbles m;
        CHECK(m.play(m.hot("[ab]-[cd|]") | weir::delay(3ms)) == "---[ab]-[cd|]");
    }

    TEST_CASE("delay holds more than one item at a time") {
        marbles m;
        CHECK(m.play(m.hot("abcdefgh|") | weir::delay(5ms)) == "-----abcdefgh|");
    }

    TEST_CASE("delay: the end of an empty stream arrives later, too") {
        marbles m;
        CHECK(m.play(m.hot("-|") | weir::delay(2ms)) == "---|");
    }

    TEST_CASE("delay: an error follows directly after the held items") {
        marbles m;
        CHECK(m.play(m.hot("a-b#") | weir::delay(4ms)) == "----a-[b#]");
        marbles alone;
        CHECK(alone.play(alone.hot("a--#") | weir::delay(2ms)) == "--a#");
        marbles at_once;
        CHECK(at_once.play(at_once.hot("#") | weir::delay(2ms)) == "#");
    }

    TEST_CASE("a delay of 0 changes nothing") {
        marbles m;
        CHECK(m.play(m.hot("[ab]-c-|") | weir::delay(0s)) == "[ab]-c-|");
    }

    TEST_CASE("delay accepts items while the consumer is busy") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::delay(10ms)};
        sink.request(1);
        for (int i = 0; i != 5; ++i) {
            source.push(i);
            ex.advance(4ms); // to 20 in the end
        }
        CHECK(source.taken() == 5);
        CHECK(sink.items() == numbers{0});
        sink.request();
        ex.run_ready(); // 0, 4, 8 were 10 ago
        CHECK(sink.items() == numbers{0, 1, 2});
        ex.advance(2ms);
        CHECK(sink.items() == numbers{0, 1, 2, 3});
    }

    TEST_CASE("delay holds no more items than its limit, and loses none") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 10; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | weir::delay(10ms, 4)};
        sink.request();
        ex.run_ready();
        CHECK(source.taken() == 4);
        ex.advance(10ms);
        CHECK(sink.items() == numbers{0, 1, 2, 3});
        CHECK(source.taken() == 8);
        source.end();
        ex.advance(1s);
        CHECK(sink.items() == numbers{0, 1, 2, 3, 4, 5, 6, 7, 8, 9});
        CHECK(sink.ended());
    }

    TEST_CASE("delay stops a source that is always ready at its limit") {
        virtual_executor ex;
        int made = 0;
        probe_sink sink{ex, weir::iota(0) | weir::map([&](int i) {
                                ++made;
                                return i;
                            }) | weir::delay(1ms, 100)};
        sink.request(1);
        ex.advance(1ms);
        CHECK(sink.items() == numbers{0});
        CHECK(made <= 101);
    }

    TEST_CASE("delay: items stay in order and none is lost") {
        std::mt19937 random{1};
        for (int round = 0; round != 200; ++round) {
            const auto items = support::random_numbers(random, 30, 0, 9);
            CHECK(support::arrive_at_random(random, items, weir::delay(0s, 1 + round % 7)) == items);
        }
    }

    TEST_CASE("delay allocates nothing per item") {
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::delay(1ms, 16) | weir::for_each([](int) {}));
              }) == 0);
    }

    TEST_CASE("delay accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) | weir::delay(1ms) |
               weir::for_each([&](auto item) { sum += *item; }));
        CHECK(sum == 15);
    }

    TEST_CASE("delay rejects negative times and a capacity of 0") {
        CHECK_THROWS_WITH_AS(weir::delay(-1ms), "weir::delay(d): d is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::delay(1ms, 0), "weir::delay(d, capacity): capacity must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(weir::delay(1ms, -1), std::invalid_argument);
    }

    TEST_CASE("delay by a function delivers each item at its own time, and ends after the last") {
        const auto letter = [](char c) { return (c - 'a') * 1ms; };
        marbles m;
        CHECK(m.play(m.hot("[ha]--b--|") | weir::delay(letter)) == "a---b--[h|]");
        CHECK(m.play(m.hot("[eeb]-c|") | weir::delay(letter)) == "-b--[eec|]");
        CHECK(m.play(m.hot("-c-----|") | weir::delay(letter)) == "---c---|");
        CHECK(m.play(m.hot("fb-#") | weir::delay(letter)) == "--b--[f#]");
        CHECK(m.play(m.hot("--|") | weir::delay(letter)) == "--|");
        CHECK(m.play(m.hot("--#") | weir::delay(letter)) == "--#");
        CHECK(m.play(m.hot("ab|") | weir::delay([](char) { return 0ms; })) == "ab|");
        CHECK(m.play(m.hot("zaaab...") | weir::delay(letter, 1)) == "-------------------------[zaaa]b...");
    }

    TEST_CASE("delay by a function: an exception or a negative duration fails the stream after the items held") {
        marbles m;
        const auto fails = [](char c) { return c == 'b' ? throw std::runtime_error{"no"} : 3ms; };
        CHECK(m.play(m.hot("acb...") | weir::delay(fails)) == "---a[c#]");
        CHECK(m.play(m.hot("acb...") | weir::delay([](char c) { return (c == 'b' ? -1 : 3) * 1ms; })) == "---a[c#]");
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0) | weir::delay([](int) { return -1ms; }) | weir::for_each([](int) {})),
                             "weir::delay(f): f has returned a negative duration", std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::delay([](int) { return 1ms; }, 0),
                             "weir::delay(f, capacity): capacity must be at least 1", std::invalid_argument);
    }

    TEST_CASE("delay by a function delivers what a stable sort by due time delivers, for random arrivals") {
        std::mt19937 random{9};
        for (int round = 0; round != 200; ++round) {
            virtual_executor ex;
            probe<std::pair<int, int>> source; // a number and its delay
            std::vector<std::pair<int, weir::duration>> seen;
            const auto note = [&](std::pair<int, int> item) { seen.emplace_back(item.first, ex.elapsed()); };
            const auto handle =
                ex.spawn(source.stream() | weir::delay([](const auto& item) { return item.second * 1ms; }) |
                         weir::for_each(note));
            ex.run_ready();
            std::vector<std::pair<int, weir::duration>> expected;
            for (int i = 0; i != 20; ++i) {
                const int by = static_cast<int>(random() % 6);
                expected.emplace_back(i, ex.elapsed() + by * 1ms);
                source.push({i, by});
                ex.run_ready();
                if (random() % 2 == 0) ex.advance(1ms);
            }
            source.end();
            ex.advance(1s);
            CHECK(handle.finished());
            std::ranges::sort(expected, {}, [](const auto& item) { return std::pair(item.second, item.first); });
            CHECK(seen == expected);
        }
    }

    TEST_CASE(
        "delay by a function keeps the contract, allocates nothing per item, and may be dropped by its function") {
        CHECK(check_contract([] { return weir::delay([](int) { return 1s; }, 2); }, {.prefetch = 2}) == "");
        CHECK(support::allocations_for_more_items([&](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::delay([](int i) { return i % 7 * 1ms; }, 16) |
                         weir::for_each([](int) {}));
              }) == 0);
        support::duration_drops_itself([](auto f) { return weir::delay(f); });
    }

    TEST_CASE("delay keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::delay(1s, 2); }, {.prefetch = 2}) == "");
        CHECK(check_contract([] { return weir::delay(1s); }, {.prefetch = 1024}) == "");
    }
}

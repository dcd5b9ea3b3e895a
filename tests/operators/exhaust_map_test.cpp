// SPDX-License-Identifier: MIT
#include <weir/operators/exhaust_map.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <cstddef>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>
#include <manual.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using support::numbers;
using weir::exhaust_map;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

TEST_SUITE("operators/exhaust_map") {
    TEST_CASE("exhaust_map drops items that arrive while an inner stream runs") {
        marbles m;
        std::string dropped;
        const auto inner = [&m](char) { return m.cold("1-2-3|"); };
        const auto note = [&dropped](char c) { dropped += c; };
        CHECK(m.play(m.hot("--a-b-c-------d---|") | exhaust_map(inner, note)) == "--1-2-3-------1-2-3|");
        CHECK(dropped == "bc");
        CHECK(m.play(m.hot("a-b-c|") | exhaust_map([&m](char) { return m.cold("x---y|"); })) == "x---y|");
    }

    TEST_CASE("exhaust_map ends when upstream and the inner stream have ended") {
        marbles m;
        CHECK(m.play(m.hot("a|") | exhaust_map([&m](char) { return m.cold("1--2|"); })) == "1--2|");
        CHECK(m.play(m.hot("a----|") | exhaust_map([&m](char) { return m.cold("1-|"); })) == "1----|");
        CHECK(m.play(m.hot("--|") | exhaust_map([&m](char) { return m.cold("1-|"); })) == "--|");
        CHECK(m.play(m.hot("a-b|") | exhaust_map([](char) { return weir::empty<char>(); })) == "---|");
        CHECK(m.play(m.hot("a-b|") | exhaust_map([](char) { return weir::never<char>(); })) == "...");
        CHECK(m.play(m.hot("a-b...") | exhaust_map([](char c) { return weir::just(c); })) == "a-b...");
    }

    TEST_CASE("exhaust_map: an item that arrives in the tick in which the inner stream ends is not dropped") {
        marbles m;
        CHECK(m.play(m.hot("a--b--|") | exhaust_map([&m](char) { return m.cold("1--|"); })) == "1--1--|");
        CHECK(m.play(m.hot("[abc]|") | exhaust_map([](char c) { return weir::just(c, c); })) == "[aabbcc]|");
    }

    TEST_CASE("exhaust_map: an error of upstream follows the end of the inner stream") {
        marbles m;
        CHECK(m.play(m.hot("a-#") | exhaust_map([&m](char) { return m.cold("1---2-|"); })) == "1---2-#");
        CHECK(m.play(m.hot("a---#") | exhaust_map([&m](char) { return m.cold("1-|"); })) == "1---#");
        CHECK(m.play(m.hot("a-#") | exhaust_map([&m](char) { return m.cold("1-|"); })) == "1-#");
        CHECK(m.play(m.hot("#") | exhaust_map([&m](char) { return m.cold("1-|"); })) == "#");

        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | exhaust_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        outer.fail(failure());
        ex.run_ready();
        CHECK(outer.dropped());
        CHECK_FALSE(sink.finished());
        inner.push(7);
        inner.fail(failure("inner"));
        ex.run_ready();
        CHECK(sink.items() == numbers{7});
        CHECK(sink.error_message() == "inner");
        CHECK_FALSE(outer.polled_after_end());
    }

    TEST_CASE("exhaust_map: an error of an inner stream ends the stream and drops upstream at once") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | exhaust_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        CHECK(outer.waiting());
        inner.push(10);
        inner.fail(failure());
        ex.run_ready();
        CHECK(sink.items() == numbers{10});
        CHECK(sink.failed());
        CHECK(outer.dropped());
        CHECK(inner.dropped());
    }

    TEST_CASE("exhaust_map: an exception from the function ends the stream and drops everything") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        const auto make = [&](int x) {
            if (x == 2) throw std::runtime_error{"no stream for 2"};
            return inner.stream();
        };
        probe_sink sink{ex, outer.stream() | exhaust_map(make)};
        sink.request();
        outer.push(1);
        ex.run_ready();
        inner.end();
        outer.push(2);
        ex.run_ready();
        CHECK(sink.error_message() == "no stream for 2");
        CHECK(inner.dropped());
        CHECK(outer.dropped());
    }

    TEST_CASE("exhaust_map neither polls upstream nor drops items while the consumer is busy") {
        virtual_executor ex;
        numbers dropped;
        probe<int> outer;
        std::vector<probe<int>> inners(4);
        probe_sink sink{ex, outer.stream() |
                                exhaust_map([&](int i) { return inners[static_cast<std::size_t>(i)].stream(); },
                                            [&](int i) { dropped.push_back(i); })};
        ex.run_ready();
        CHECK(outer.polls() == 0);
        sink.request(1);
        outer.push(0);
        inners[0].push(5);
        ex.run_ready();
        REQUIRE(sink.items() == numbers{5});
        outer.push(1);
        outer.push(2);
        ex.run_ready();
        CHECK(outer.taken() == 1);
        sink.request(1);
        ex.run_ready();
        CHECK(outer.taken() == 3);
        CHECK(dropped == numbers{1, 2});
        inners[0].push(6);
        ex.run_ready();
        CHECK(sink.items() == numbers{5, 6});
        // The inner stream ends while the consumer is busy: the next item finds none.
        inners[0].end();
        outer.push(3);
        ex.run_ready();
        sink.request(1);
        ex.run_ready();
        CHECK(dropped == numbers{1, 2});
        CHECK(inners[0].dropped());
        CHECK(inners[3].waiting());
    }

    TEST_CASE("exhaust_map does not poll a pending upstream again for each item of the inner stream") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | exhaust_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        for (int i = 0; i != 10; ++i) {
            inner.push(i);
            ex.run_ready();
        }
        CHECK(sink.items().size() == 10);
        CHECK(outer.polls() == 2);
        CHECK(inner.polls() == 21);
    }

    TEST_CASE("exhaust_map drops both streams when its consumer stops early") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | exhaust_map([&](int) { return inner.stream(); }) | weir::take(1)};
        sink.request();
        outer.push(1);
        inner.push(1);
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(outer.dropped());
        CHECK(inner.dropped());
    }

    TEST_CASE("exhaust_map drops the inner stream and upstream when it is dropped, also with a queued wake") {
        virtual_executor ex;
        probe<int> outer;
        probe<int> inner;
        probe_sink sink{ex, outer.stream() | exhaust_map([&](int) { return inner.stream(); })};
        sink.request();
        outer.push(1);
        ex.run_ready();
        outer.push(2);
        inner.push(1);
        sink.drop();
        CHECK(outer.dropped());
        CHECK(inner.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("exhaust_map may be dropped by the inner stream, by upstream and by on_drop while that runs") {
        support::drop_from_within([](auto s) {
            return weir::just(1) | exhaust_map([s = std::move(s)](int) mutable { return std::move(s); });
        });
        support::drop_from_within(
            [](auto s) { return std::move(s) | exhaust_map([](int x) { return weir::just(x); }); });
        support::drop_from_within(
            [](auto s) { return std::move(s) | exhaust_map([](int) { return weir::never<int>(); }); });
    }

    TEST_CASE("exhaust_map: the item that an inner stream refers to lives as long as that stream") {
        virtual_executor ex;
        auto twice = [suffix = std::string(40, '!')](const std::string& word) -> weir::async_stream<std::string> {
            for (int i = 0; i != 2; ++i) {
                co_await weir::yield();
                co_yield word + suffix;
            }
        };
        const auto words = [] { return weir::just(std::string(40, 'a'), std::string(40, 'b')); };
        probe_sink sink{ex, words() | exhaust_map(std::move(twice))};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(sink.items()[1] == std::string(40, 'a') + std::string(40, '!'));
    }

    TEST_CASE("exhaust_map keeps the contract of a stream") {
        CHECK(check_contract([] { return exhaust_map([](tracked x) { return weir::just(std::move(x)); }); }) == "");
        CHECK(check_contract([] { return exhaust_map([](tracked) { return weir::empty<tracked>(); }); }) == "");
        CHECK(check_contract([] { return exhaust_map([](tracked x) { return support::late_items{x, 2}; }); },
                             {.prefetch = 6}) == "");
        CHECK(check_contract([] { return exhaust_map([](tracked) { return weir::never<tracked>(); }); },
                             {.passes_errors = false, .ends_with_upstream = false}) == "");
    }

    TEST_CASE("exhaust_map moves its items") {
        virtual_executor ex;
        const auto boxed = [](int x) { return std::make_unique<int>(x); };
        int dropped = 0;
        probe_sink sink{ex, weir::iota(0, 3) | weir::map(boxed) |
                                exhaust_map([](const std::unique_ptr<int>& x) { return support::late_items{*x + 7}; },
                                            [&](std::unique_ptr<int> x) { dropped += *x; })};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{7});
        CHECK(dropped == 3);
    }

    TEST_CASE("exhaust_map allocates nothing per item or inner stream") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            int dropped = 0;
            ex.run(support::late_items{3, n} |
                   exhaust_map([](int x) { return support::late_items{x, 5}; }, [&](int) { ++dropped; }) |
                   weir::for_each([&](int x) { sum += x; }));
            CHECK(sum + 15 * dropped == 15 * n);
            CHECK(dropped > 0);
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("exhaust_map: an upstream that is always ready lets others run") {
        virtual_executor ex;
        auto handle =
            ex.spawn(weir::iota(0) | exhaust_map([](int) { return weir::never<int>(); }) | weir::for_each([](int) {}));
        for (int i = 0; i != 3; ++i) ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
    }

    TEST_CASE("exhaust_map emits the whole stream of each item or drops the item, in any order of arrival") {
        std::mt19937 random{20240702};
        for (int round = 0; round != 300; ++round) {
            const auto lengths = support::random_numbers(random, 8, 0, 5);
            const bool late = round % 2 == 0;
            std::vector<std::pair<int, int>> items;
            for (std::size_t i = 0; i != lengths.size(); ++i) items.emplace_back(static_cast<int>(i), lengths[i]);
            const auto inner = [late](std::pair<int, int> item) -> weir::async_stream<int> {
                for (int i = 0; i != item.second; ++i) {
                    if (late) co_await weir::yield();
                    co_yield item.first * 10 + i;
                }
            };
            std::vector<bool> dropped(items.size());
            const auto out = support::arrive_at_random(random, items, exhaust_map(inner, [&](std::pair<int, int> item) {
                                                           dropped[static_cast<std::size_t>(item.first)] = true;
                                                       }));
            numbers expected;
            for (std::size_t i = 0; i != items.size(); ++i) {
                for (int k = 0; k != lengths[i] && !dropped[i]; ++k) expected.push_back(static_cast<int>(i) * 10 + k);
            }
            CHECK(out == expected);
            if (!items.empty()) CHECK_FALSE(dropped[0]);
            if (!late) CHECK(dropped == std::vector<bool>(items.size()));
        }
    }

    TEST_CASE(
        "exhaust_map: with an inner stream of known duration exactly the items that arrive within it are dropped") {
        std::mt19937 random{20240703};
        for (int round = 0; round != 300; ++round) {
            const int length = static_cast<int>(random() % 4);
            const std::string inner = std::string(static_cast<std::size_t>(length), '-') + "x|";
            std::string diagram;
            std::string expected;
            int free_at = 0; // the tick in which the present inner stream has ended
            for (int tick = 0; tick != 20; ++tick) {
                const bool item = random() % 2 == 0;
                diagram += item ? 'a' : '-';
                if (item && tick >= free_at) {
                    expected.resize(static_cast<std::size_t>(tick + length), '-');
                    expected += 'x';
                    free_at = tick + length + 1;
                }
            }
            diagram += '|';
            expected.resize(std::max<std::size_t>(20, expected.size()), '-');
            marbles m;
            CHECK(m.play(m.hot(diagram) | exhaust_map([&](char) { return m.cold(inner); })) == expected + '|');
        }
    }
}

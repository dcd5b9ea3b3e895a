// SPDX-License-Identifier: MIT
#include <weir/operators/combine_latest.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <tuple>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <failure.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <throwing_tuples.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using weir::combine_latest;
using weir::testing::asking;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;
using pairs = std::vector<std::tuple<int, int>>;

TEST_SUITE("operators/combine_latest") {
    TEST_CASE("combine_latest emits each item with the latest items of the other streams") {
        marbles m;
        CHECK(m.play(combine_latest(m.hot("--1-----2------3--|"), m.hot("----a------b-----------|"))) ==
              "----(1a)---(2a)--(2b)---(3b)-------|");
    }

    TEST_CASE("combine_latest: several streams of different types are combined") {
        marbles m;
        CHECK(m.play(combine_latest(m.hot<int>("1----2|"), m.hot("-a-b|"), m.hot<int>("--7|"))) ==
              "--(1a7)(1b7)-(2b7)|");
        CHECK(m.play(combine_latest(m.hot("a-b|"))) == "(a)-(b)|");
    }

    TEST_CASE(
        "combine_latest shows every item at least once and polls an early stream again when all others have an item") {
        marbles m;
        CHECK(m.play(combine_latest(m.hot("abc|"), m.hot("----x|"))) == "----[(ax)(bx)(cx)]|");

        virtual_executor ex;
        probe<int> early;
        probe<int> late;
        probe_sink sink{ex, combine_latest(early.stream(), late.stream())};
        sink.request();
        for (int i = 0; i != 3; ++i) early.push(i);
        ex.run_ready();
        CHECK(early.taken() == 1);
        CHECK_FALSE(early.waiting());
        late.push(9);
        ex.run_ready();
        CHECK(sink.items() == pairs{{0, 9}, {1, 9}, {2, 9}});
    }

    TEST_CASE("combine_latest takes a range of streams, and emits vectors") {
        marbles m;
        const auto combined = [&](auto... diagrams) {
            std::vector<weir::testing::marble_stream<char>> streams;
            (streams.push_back(m.hot(diagrams)), ...);
            return combine_latest(std::move(streams));
        };
        CHECK(m.play(combined("--1-----2------3--|", "----a------b-----------|")) ==
              "----(1a)---(2a)--(2b)---(3b)-------|");
        CHECK(m.play(combined("ab|", "---x|", "y---z|")) == "---[(axy)(bxy)](bxz)|");
        CHECK(m.play(combined("a-...", "-|")) == "-|");
        CHECK(m.play(combined("a-#", "x---")) == "(ax)-#");
        CHECK(m.play(combine_latest(std::vector<weir::testing::marble_stream<char>>{})) == "|");
    }

    TEST_CASE("combine_latest polls ready streams in turns") {
        virtual_executor ex;
        probe_sink sink{ex, combine_latest(weir::iota(0, 3), weir::iota(10, 13))};
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == pairs{{0, 10}, {1, 10}, {1, 11}, {2, 11}, {2, 12}});
        CHECK(sink.ended());
    }

    TEST_CASE("combine_latest ends when all streams have ended, or one without an item") {
        marbles m;
        CHECK(m.play(combine_latest(m.hot("a|"), m.hot("-b---c|"))) == "-(ab)---(ac)|");
        CHECK(m.play(combine_latest(m.hot("a-b-c"), m.hot("--|"))) == "--|");
        CHECK(m.play(combine_latest(m.hot("|"), m.hot("a-b"))) == "|");
        CHECK(m.play(combine_latest(m.hot("a|"), m.hot("..."), m.hot("---|"))) == "---|");

        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, combine_latest(a.stream(), b.stream())};
        sink.request();
        a.push(1);
        ex.run_ready();
        b.end();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(a.dropped());
        CHECK(b.dropped());
    }

    TEST_CASE("combine_latest: the first error drops the others") {
        marbles m;
        CHECK(m.play(combine_latest(m.hot("a--#"), m.hot("-b---c|"))) == "-(ab)-#");
        CHECK(m.play(combine_latest(m.hot("a|"), m.hot("--#"))) == "--#");

        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, combine_latest(a.stream(), b.stream())};
        sink.request();
        ex.run_ready();
        b.fail(failure());
        ex.run_ready();
        CHECK(sink.failed());
        CHECK(a.dropped());
        CHECK(b.dropped());
    }

    TEST_CASE("combine_latest: an item that was ready before an error is delivered before it") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, combine_latest(a.stream(), b.stream())};
        sink.request(1);
        a.push(1);
        b.push(2);
        ex.run_ready();
        sink.request(1);
        ex.run_ready();
        a.push(3);
        ex.run_ready();
        REQUIRE(sink.items() == pairs{{1, 2}, {3, 2}});
        b.push(4);
        ex.run_ready();
        a.fail(failure());
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == pairs{{1, 2}, {3, 2}, {3, 4}});
        CHECK(sink.failed());
    }

    TEST_CASE("combine_latest: an error overtakes no item that was ready before it, at any pace of the consumer") {
        for (int busy = 0; busy != 10; ++busy) {
            CAPTURE(busy);
            marbles m;
            CHECK(support::seen_when_busy(m, busy, combine_latest(m.hot("ab----"), m.hot("x-#"))) == "(ax)(bx)#");
            CHECK(support::seen_when_busy(m, busy, combine_latest(m.hot("x-#"), m.hot("ab----"))) == "(xa)(xb)#");
            CHECK(support::seen_when_busy(m, busy, combine_latest(m.hot("a---b|"), m.hot("x-y|"))) == "(ax)(ay)(by)|");
        }
    }

    TEST_CASE("combine_latest polls only the streams that woke it") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe<int> c;
        probe_sink sink{ex, combine_latest(a.stream(), b.stream(), c.stream())};
        sink.request();
        a.push(1);
        b.push(1);
        c.push(1);
        ex.run_ready();
        const std::size_t before = a.polls();
        for (int i = 0; i != 10; ++i) {
            b.push(i);
            ex.run_ready();
        }
        CHECK(a.polls() == before);
        CHECK(sink.items().size() == 11);
    }

    TEST_CASE("combine_latest may be dropped by one of its streams while that is polled") {
        support::drop_from_within([](auto s) { return combine_latest(std::move(s), weir::just(1)); });
        support::drop_from_within([](auto s) { return combine_latest(weir::just(1), std::move(s)); });
    }

    TEST_CASE("combine_latest keeps the contract of a stream") {
        using weir::closure;
        CHECK(check_contract([] { return closure{[](auto s) { return combine_latest(std::move(s)); }}; },
                             {.prefetch = 1, .copies = 1}) == "");
        CHECK(check_contract([] { return closure{[](auto s) { return combine_latest(weir::just(1), std::move(s)); }}; },
                             {.prefetch = 1, .copies = 1}) == "");
        CHECK(check_contract([] { return closure{[](auto s) { return combine_latest(std::move(s), weir::just(1)); }}; },
                             {.prefetch = 1, .copies = 1}) == "");
        CHECK(check_contract(
                  [] { return closure{[](auto s) { return combine_latest(std::move(s), weir::empty<int>()); }}; },
                  {.prefetch = 1, .copies = 1}) == "");
    }

    TEST_CASE("combine_latest allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            const auto late = [](int last) -> weir::async_stream<int> {
                for (int i = 0; i != last; ++i) {
                    co_await weir::yield();
                    co_yield i;
                }
            };
            int sum = 0;
            ex.run(combine_latest(late(n), weir::iota(0, n)) |
                   weir::for_each([&](std::tuple<int, int> both) { sum += std::get<0>(both); }));
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("combine_latest hands on nothing when the end of a replaced item has dropped what runs") {
        using item = std::shared_ptr<void>;
        for (const auto how : {asking::one_by_one, asking::in_a_loop}) {
            virtual_executor ex;
            std::optional<probe_sink<weir::async_stream<int>>> sink;
            int calls = 0;
            const auto drops = [&](void*) { sink.reset(); };
            const auto source = [&]() -> weir::async_stream<item> {
                item culprit{nullptr, drops};
                co_yield std::move(culprit);
                co_yield item{};
            };
            const auto count_call = [&](const std::tuple<item, int>&) { return ++calls; };
            sink.emplace(ex, weir::async_stream<int>{combine_latest(source(), weir::just(1)) | weir::map(count_call)},
                         how);
            sink->request();
            ex.run_ready();
            CHECK_FALSE(sink);
            CHECK(calls == 1);
        }
    }

    TEST_CASE("combine_latest: an item whose move throws leaves no tuple without it") {
        support::check_tuples_when_moves_throw(
            [](auto a, auto b) { return combine_latest(std::move(a), std::move(b)); });
    }

    TEST_CASE("combine_latest emits each item in a tuple, and each tuple has one new item") {
        std::mt19937 random{20240603};
        for (int round = 0; round != 400; ++round) {
            virtual_executor ex;
            probe<int> sources[2];
            probe_sink sink{ex, combine_latest(sources[0].stream(), sources[1].stream())};
            int pushed[2] = {1, 1};
            sources[0].push(1);
            sources[1].push(1);
            for (int step = 0; step != 20; ++step) {
                const std::size_t i = random() % 2;
                sources[i].push(++pushed[i]);
                if (random() % 2 == 0) sink.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
            }
            sources[0].end();
            sources[1].end();
            sink.request();
            ex.run_ready();
            CHECK(sink.ended());
            REQUIRE(sink.items().size() == 21);
            int x = 1;
            int y = 1;
            CHECK(sink.items()[0] == std::tuple{1, 1});
            for (std::size_t i = 1; i != 21; ++i) {
                const auto [new_x, new_y] = sink.items()[i];
                CHECK(new_x + new_y == x + y + 1);
                x = new_x;
                y = new_y;
            }
            CHECK(x == pushed[0]);
            CHECK(y == pushed[1]);
        }
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/interleave.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <all_items.hpp>
#include <allocations.hpp>
#include <arrivals.hpp>
#include <manual.hpp>
#include <many_probes.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <slow_consumer.hpp>
#include <weir/core/closure.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::all_items;
using support::many_probes;
using support::numbers;
using weir::interleave;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

TEST_SUITE("operators/interleave") {
    TEST_CASE("interleave emits n items of each stream in turn") {
        CHECK(all_items(interleave(2, weir::iota(0, 6), weir::iota(10, 16))) ==
              numbers{0, 1, 10, 11, 2, 3, 12, 13, 4, 5, 14, 15});
        CHECK(all_items(interleave(1, weir::iota(0, 2), weir::iota(10, 12), weir::iota(20, 22))) ==
              numbers{0, 10, 20, 1, 11, 21});
        CHECK(all_items(interleave(100, weir::iota(0, 2), weir::iota(10, 12))) == numbers{0, 1, 10, 11});
    }

    TEST_CASE("interleave: streams that have ended are skipped") {
        CHECK(all_items(interleave(2, weir::iota(0, 3), weir::iota(10, 11), weir::iota(20, 26))) ==
              numbers{0, 1, 10, 20, 21, 2, 22, 23, 24, 25});
        CHECK(all_items(interleave(1, weir::iota(0, 0), weir::iota(10, 12), weir::iota(20, 20))) == numbers{10, 11});
        CHECK(all_items(interleave(3, weir::iota(0, 0), weir::iota(0, 0))).empty());
        CHECK(all_items(interleave(1, weir::just(7))) == numbers{7});
        CHECK(all_items(interleave(1, std::vector<weir::empty_stream<int>>{})).empty());
    }

    TEST_CASE("interleave: all streams wait for the stream whose turn it is") {
        marbles m;
        CHECK(m.play(interleave(2, m.hot("1-2-3-4-5-6|"), m.hot("---a--b|"))) == "1-2a--[b34]-5-6|");
        CHECK(m.play(interleave(1, m.hot("---a---|"), m.hot("xyz|"))) == "---[ax]---[yz|]");
        CHECK(m.play(interleave(1, m.hot("..."), m.hot("xyz|"))) == "...");
    }

    TEST_CASE("interleave: streams of several types and a range of streams are interleaved") {
        const auto same = weir::map([](int x) { return x; });
        CHECK(all_items(interleave(1, weir::iota(0, 2), weir::just(7, 8, 9) | same, weir::empty<int>())) ==
              numbers{0, 7, 1, 8, 9});
        const std::vector copyable(2, weir::iota(0, 3));
        CHECK(all_items(interleave(2, copyable)) == numbers{0, 1, 0, 1, 2, 2});
    }

    TEST_CASE("interleave rejects turns of zero items") {
        CHECK_THROWS_WITH_AS(static_cast<void>(interleave(0, weir::just(1))),
                             "weir::interleave(n, streams...): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(interleave(-1, weir::just(1))), std::invalid_argument);
    }

    TEST_CASE("interleave polls only the stream whose turn it is, and nothing before the first poll") {
        virtual_executor ex;
        many_probes both{2};
        probe_sink sink{ex, interleave(2, both.streams())};
        ex.run_ready();
        CHECK(both.sources[0].polls() == 0);
        for (int i = 0; i != 4; ++i) both.sources[1].push(10 + i);
        sink.request(3);
        ex.run_ready();
        CHECK(both.sources[0].waiting());
        CHECK(both.sources[1].polls() == 0);
        both.sources[0].push(0);
        ex.run_ready();
        CHECK(both.sources[1].polls() == 0);
        both.sources[0].push(1);
        both.sources[0].push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 1, 10});
        CHECK(both.sources[0].taken() == 2);
        CHECK(both.sources[1].taken() == 1);
    }

    TEST_CASE("interleave: a stream is destroyed when it has ended") {
        virtual_executor ex;
        many_probes both{2};
        probe_sink sink{ex, interleave(1, both.streams())};
        sink.request();
        both.sources[0].end();
        ex.run_ready();
        CHECK(both.sources[0].dropped());
        CHECK(both.sources[1].waiting());
        both.sources[1].push(1);
        both.sources[1].push(2);
        both.sources[1].end();
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 2});
        CHECK(sink.ended());
        CHECK(both.sources[1].dropped());
        CHECK_FALSE(both.sources[0].polled_after_end());
    }

    TEST_CASE("interleave delivers an error in the turn of the failed stream") {
        marbles m;
        CHECK(m.play(interleave(1, m.hot("a-b-c|"), m.hot("-#"))) == "a#");
        CHECK(m.play(interleave(2, m.hot("a-b-c|"), m.hot("-#"))) == "a-[b#]");
        CHECK(m.play(interleave(1, m.hot("#"), m.hot("a|"))) == "#");
        for (int busy = 0; busy != 6; ++busy) {
            CAPTURE(busy);
            CHECK(support::seen_when_busy(m, busy, interleave(1, m.hot("ab-c|"), m.hot("-x#"))) == "axb#");
        }
    }

    TEST_CASE("interleave drops all streams when its consumer stops early") {
        virtual_executor ex;
        many_probes both{2};
        probe_sink sink{ex, interleave(1, both.streams()) | weir::take(1)};
        both.sources[0].push(1);
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(both.sources[0].dropped());
        CHECK(both.sources[1].dropped());
        CHECK(both.sources[1].polls() == 0);
    }

    TEST_CASE("interleave may be dropped by one of its streams while that is polled") {
        support::drop_from_within([](auto s) { return interleave(1, std::move(s), weir::just(1)); });
        support::drop_from_within([](auto s) { return interleave(1, weir::just(1), std::move(s)); });
        support::drop_from_within([](auto s) { return interleave(5, std::move(s), weir::just(1)); });
    }

    TEST_CASE("interleave keeps the contract of a stream") {
        using weir::closure;
        CHECK(check_contract([] { return closure{[](auto s) { return interleave(1, std::move(s)); }}; }) == "");
        CHECK(check_contract([] {
                  return closure{[](auto s) { return interleave(2, std::move(s), weir::just(tracked{1})); }};
              }) == "");
        CHECK(check_contract([] {
                  return closure{[](auto s) { return interleave(1, weir::empty<tracked>(), std::move(s)); }};
              }) == "");
    }

    TEST_CASE("interleave moves its items") {
        virtual_executor ex;
        const auto boxed = weir::map([](int x) { return std::make_unique<int>(x); });
        probe_sink sink{ex, interleave(1, weir::iota(0, 2) | boxed, weir::iota(5, 7) | boxed)};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 4);
        CHECK(*sink.items()[3] == 6);
    }

    TEST_CASE("interleave allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(interleave(2, support::late_items{1, n}, weir::iota(0, n) | weir::map([](int) { return 1; })) |
                   weir::for_each([&](int x) { sum += x; }));
            CHECK(sum == 2 * n);
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("interleave: many streams that end at once do not starve others") {
        virtual_executor ex;
        auto handle =
            ex.spawn(interleave(1, std::vector<weir::empty_stream<int>>(100'000)) | weir::for_each([](int) {}));
        ex.turn(ex.now());
        CHECK_FALSE(handle.finished());
        ex.run_ready();
        CHECK(handle.finished());
    }

    TEST_CASE("interleave agrees with a loop over vectors, whenever items arrive") {
        std::mt19937 random{20240705};
        for (int round = 0; round != 300; ++round) {
            const std::size_t turn = 1 + random() % 3;
            std::vector<numbers> items;
            for (std::size_t k = 1 + random() % 4; k != 0; --k) {
                items.push_back(support::random_numbers(random, 8, 0, 99));
            }
            numbers expected;
            std::vector<std::size_t> at(items.size());
            for (bool any = true; any;) {
                any = false;
                for (std::size_t i = 0; i != items.size(); ++i) {
                    for (std::size_t k = 0; k != turn && at[i] != items[i].size(); ++k) {
                        expected.push_back(items[i][at[i]++]);
                        any = true;
                    }
                }
            }
            const auto make = [turn](auto streams) { return interleave(turn, std::move(streams)); };
            CHECK(support::arrive_in_any_order(random, items, make) == expected);
        }
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/race.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <failure.hpp>
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
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using support::failure;
using support::many_probes;
using support::numbers;
using weir::race;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;

TEST_SUITE("operators/race") {
    TEST_CASE("race: the stream with the first item wins and the others are ignored") {
        marbles m;
        CHECK(m.play(race(m.hot("-----1---2--|"), m.hot("--3---4-----5--|"))) == "--3---4-----5--|");
        CHECK(m.play(race(m.hot("-a-b-|"), m.hot("--c|"), m.hot("---d|"))) == "-a-b-|");
        CHECK(m.play(race(m.hot("---a"), m.hot("-b..."))) == "-b...");
    }

    TEST_CASE("race: streams of several types and a range of streams may race") {
        marbles m;
        const auto same = weir::map([](char c) { return c; });
        CHECK(m.play(race(m.hot("--a-|"), m.hot("-b-c|") | same, weir::never<char>())) == "-b-c|");
        std::vector<weir::testing::marble_stream<char>> streams;
        for (const char* diagram : {"---a|", "--b-c|", "----d|"}) streams.push_back(m.hot(diagram));
        CHECK(m.play(race(std::move(streams))) == "--b-c|");
    }

    TEST_CASE("race of one stream passes it on, and race of an empty range ends at once") {
        for (const char* diagram : {"|", "#", "a-b-c|", "a-[bc]-#", "a-b..."}) {
            marbles m;
            CHECK(m.play(race(m.hot(diagram))) == diagram);
        }
        virtual_executor ex;
        probe_sink sink{ex, race(std::vector<weir::empty_stream<int>>{})};
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
    }

    TEST_CASE("race: a stream that ends or fails first wins, too") {
        marbles m;
        CHECK(m.play(race(m.hot("--a"), m.hot("-|"))) == "-|");
        CHECK(m.play(race(m.hot("-#"), m.hot("--a"))) == "-#");
        CHECK(m.play(race(m.hot("a--#"), m.hot("-b|"))) == "a--#");
    }

    TEST_CASE("race: of several ready streams, the one that has woken first wins") {
        marbles m;
        CHECK(m.play(race(m.hot("[ab]-c|"), m.hot("x-y|"))) == "[ab]-c|");
        CHECK(m.play(race(m.hot("--a|"), m.hot("--#"))) == "--a|");
        CHECK(m.play(race(m.hot("--#"), m.hot("--a|"))) == "--#");

        virtual_executor ex;
        many_probes both{2};
        probe_sink sink{ex, race(both.streams())};
        sink.request();
        ex.run_ready();
        both.sources[1].push(1);
        both.sources[0].push(0);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
    }

    TEST_CASE("race polls nothing before its first poll, and no stream behind a ready one") {
        virtual_executor ex;
        probe<int> a;
        probe<int> b;
        probe_sink sink{ex, race(a.stream(), b.stream())};
        ex.run_ready();
        CHECK(a.polls() == 0);
        a.push(1);
        a.push(2);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        CHECK(a.taken() == 1);
        CHECK_FALSE(a.waiting());
        CHECK(b.polls() == 0);
        CHECK(b.dropped());
    }

    TEST_CASE("race destroys the losers before it delivers the first item") {
        for (const auto how : {weir::testing::asking::one_by_one, weir::testing::asking::in_a_loop}) {
            virtual_executor ex;
            probe<int> slow;
            probe<int> fast;
            bool seen = false;
            const auto look = weir::map([&](int x) {
                CHECK(slow.dropped());
                CHECK_FALSE(fast.dropped());
                seen = true;
                return x;
            });
            probe_sink sink{ex, race(slow.stream(), fast.stream()) | look, how};
            sink.request();
            ex.run_ready();
            CHECK(slow.waiting());
            CHECK(fast.waiting());
            fast.push(1);
            ex.run_ready();
            CHECK(seen);
        }
    }

    TEST_CASE("race destroys all streams before a deciding end or error is seen") {
        for (const bool fails : {false, true}) {
            virtual_executor ex;
            many_probes many{3};
            probe_sink sink{ex, race(many.streams())};
            sink.request();
            ex.run_ready();
            if (fails) {
                many.sources[1].fail(failure());
            } else {
                many.sources[1].end();
            }
            ex.run_ready();
            CHECK(sink.finished());
            CHECK(sink.failed() == fails);
            for (const auto& source : many.sources) CHECK(source.dropped());
        }
    }

    TEST_CASE("race: streams that have not woken are not polled again") {
        virtual_executor ex;
        many_probes many{50};
        auto pipeline = race(many.streams());
        probe_sink sink{ex, std::move(pipeline)};
        sink.request();
        ex.run_ready();
        many.sources[7].push(1);
        ex.run_ready();
        for (std::size_t i = 0; i != many.sources.size(); ++i) CHECK(many.sources[i].polls() == (i == 7 ? 3 : 1));
    }

    TEST_CASE("race: a wake of a loser has no effect, and the winner wakes the consumer") {
        virtual_executor ex;
        many_probes both{2};
        probe_sink sink{ex, race(both.streams())};
        sink.request(1);
        ex.run_ready();
        both.sources[0].push(1);
        both.sources[1].push(2);
        ex.run_ready();
        CHECK(sink.items() == numbers{1});
        sink.request();
        ex.run_ready();
        both.sources[0].push(3);
        ex.run_ready();
        both.sources[0].end();
        ex.run_ready();
        CHECK(sink.items() == numbers{1, 3});
        CHECK(sink.ended());
    }

    TEST_CASE("race passes the winner on unchanged, at any pace of the consumer") {
        for (int busy = 0; busy != 6; ++busy) {
            CAPTURE(busy);
            marbles m;
            CHECK(support::seen_when_busy(m, busy, race(m.hot("--a"), m.hot("-bcd#"))) == "bcd#");
        }
    }

    TEST_CASE("race drops the winner when its consumer stops early") {
        virtual_executor ex;
        many_probes both{2};
        probe_sink sink{ex, race(both.streams()) | weir::take(1)};
        both.sources[1].push(1);
        both.sources[1].push(2);
        sink.request();
        ex.run_ready();
        CHECK(sink.ended());
        CHECK(both.sources[1].taken() == 1);
        CHECK(both.sources[0].dropped());
        CHECK(both.sources[1].dropped());
    }

    TEST_CASE("race drops all streams when it is dropped, also with a queued wake") {
        virtual_executor ex;
        many_probes many{4};
        probe_sink sink{ex, race(many.streams())};
        sink.request();
        ex.run_ready();
        many.sources[2].push(1);
        sink.drop();
        for (const auto& source : many.sources) CHECK(source.dropped());
        const auto before = ex.stats().wakers_run;
        ex.run_ready();
        CHECK(ex.stats().wakers_run == before);
    }

    TEST_CASE("race may be dropped by one of its streams while that is polled") {
        support::drop_from_within([](auto s) { return race(std::move(s), weir::never<int>()); });
        support::drop_from_within([](auto s) { return race(weir::never<int>(), std::move(s)); });
    }

    TEST_CASE("race keeps the contract of a stream") {
        using weir::closure;
        CHECK(check_contract([] { return closure{[](auto s) { return race(std::move(s)); }}; }) == "");
        CHECK(check_contract(
                  [] { return closure{[](auto s) { return race(weir::never<tracked>(), std::move(s)); }}; }) == "");
        CHECK(check_contract(
                  [] { return closure{[](auto s) { return race(std::move(s), weir::empty<tracked>()); }}; }) == "");
        CHECK(check_contract([] {
                  return closure{[]<class S>(S s) {
                      std::vector<S> one;
                      one.push_back(std::move(s));
                      return race(std::move(one));
                  }};
              }) == "");
    }

    TEST_CASE("race moves its items") {
        virtual_executor ex;
        const auto boxed = weir::map([](int x) { return std::make_unique<int>(x); });
        probe_sink sink{ex, race(weir::never<std::unique_ptr<int>>(), weir::iota(5, 7) | boxed)};
        sink.request();
        ex.run_ready();
        REQUIRE(sink.items().size() == 2);
        CHECK(*sink.items()[1] == 6);
    }

    TEST_CASE("race allocates nothing per item") {
        const auto run = [](int n) {
            virtual_executor ex;
            int sum = 0;
            ex.run(race(weir::never<int>(), support::late_items{1, n}) | weir::for_each([&](int x) { sum += x; }));
            CHECK(sum == n);
        };
        CHECK(support::allocations_for_more_items(run) == 0);
    }

    TEST_CASE("race emits the whole first stream with an answer, in any order of arrival") {
        std::mt19937 random{20240701};
        for (int round = 0; round != 300; ++round) {
            many_probes many{1 + random() % 5};
            virtual_executor ex;
            probe_sink sink{ex, race(many.streams()),
                            random() % 2 == 0 ? weir::testing::asking::one_by_one : weir::testing::asking::in_a_loop};
            sink.request(1);
            ex.run_ready();
            const std::size_t none = many.sources.size();
            std::size_t first = none;
            numbers expected;
            std::vector<bool> ended(none);
            for (int step = 0; step != 30; ++step) {
                const std::size_t i = random() % none;
                if (ended[i]) continue;
                if (first == none) first = i;
                if (random() % 8 == 0) {
                    ended[i] = true;
                    many.sources[i].end();
                } else {
                    many.sources[i].push(step);
                    if (first == i) expected.push_back(step);
                }
                if (random() % 2 == 0) sink.request(random() % 3);
                if (random() % 2 == 0) ex.run_ready();
            }
            for (auto& source : many.sources) source.end();
            sink.request();
            ex.run_ready();
            CHECK(sink.ended());
            CHECK(sink.items() == expected);
            for (const auto& source : many.sources) CHECK_FALSE(source.polled_after_end());
        }
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/expire.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <numbers.hpp>
#include <slow_consumer.hpp>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using namespace weir::testing;
using support::numbers;
using weir::expire;

TEST_SUITE("operators/expire") {
    TEST_CASE("expire delivers every item, the end and errors to a consumer that keeps up") {
        for (const char* diagram : {"|", "#", "--|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
            marbles m;
            CHECK(m.play(m.hot(diagram) | expire(0s)) == diagram);
        }
    }

    TEST_CASE("expire drops items that have waited longer than d, also after the end and before an error") {
        const char* diagrams[][3] = {
            {"abcd-----e|", "abe|", "cd"}, {"abcd|", "ab|", "cd"}, {"abcd#", "ab#", "cd"}, {"[abc]--d|", "ad|", "bc"}};
        for (const auto [in, out, expired] : diagrams) {
            marbles m;
            std::string dropped;
            CHECK(support::seen_when_busy(m, 3, m.cold(in) | expire(m.ticks(2), 9, [&](char c) { dropped += c; })) ==
                  out);
            CHECK(dropped == expired);
        }
    }

    TEST_CASE("expire holds up to its capacity, and asks again when the oldest item has expired") {
        virtual_executor ex;
        probe<int> source;
        numbers dropped;
        probe_sink sink{ex, source.stream() | expire(10s, 2, [&](int x) { dropped.push_back(x); })};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        for (int x = 0; x != 9; ++x) source.push(x);
        ex.run_ready();
        CHECK(source.taken() == 3);
        ex.advance(10s);
        CHECK(source.taken() == 3);
        ex.advance(1s);
        CHECK(source.taken() == 5);
        CHECK(dropped == numbers{1, 2});
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 6);
        ex.advance(11s);
        CHECK(source.taken() == 8);
        source.end();
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == numbers{0, 3, 6, 7, 8});
        CHECK(dropped == numbers{1, 2, 4, 5});
        CHECK(sink.ended());
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("expire may be dropped by on_drop") {
        for (const std::size_t capacity : {2U, 9U}) {
            virtual_executor ex;
            probe<int> source;
            std::optional<probe_sink<weir::async_stream<int>>> sink;
            sink.emplace(ex,
                         weir::async_stream<int>{source.stream() | expire(1s, capacity, [&](int) { sink.reset(); })});
            sink->request(1);
            for (int x = 0; x != 4; ++x) source.push(x);
            ex.run_ready();
            ex.advance(5s);
            if (sink) sink->request();
            ex.run_ready();
            CHECK_FALSE(sink);
            CHECK(ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("expire keeps the contract of a stream, moves its items, and rejects wrong arguments") {
        CHECK(check_contract([] { return expire(1h, 3); }, {.prefetch = 3}) == "");
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(0, 5) | weir::map([](int x) { return std::make_unique<int>(x); }) | expire(1s) |
               weir::for_each([&](auto x) { sum += *x; }));
        CHECK(sum == 10);
        CHECK_THROWS_WITH_AS(expire(-1s), "weir::expire(d): d is negative", std::invalid_argument);
        CHECK_THROWS_WITH_AS(expire(1s, 0), "weir::expire(d, capacity): capacity must be at least 1",
                             std::invalid_argument);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor other;
                  other.run(weir::iota(0, n) | expire(1s, 8) | weir::for_each([](int) {}));
              }) == 0);
    }

    TEST_CASE(
        "expire delivers or drops each item, in order, and delivers none that is too old, whenever items arrive") {
        std::mt19937 random{20240914};
        for (int round = 0; round != 200; ++round) {
            virtual_executor ex;
            probe<weir::time_point> source;
            std::size_t dropped = 0;
            probe_sink sink{ex, source.stream() | expire(3s, 1 + random() % 5, [&](weir::time_point pushed) {
                                    CHECK(ex.now() - pushed > 3s);
                                    ++dropped;
                                })};
            sink.request(1);
            std::size_t pushed = 0;
            std::size_t seen = 0;
            for (int step = 0; step != 30; ++step) {
                if (random() % 2 == 0) {
                    source.push(ex.now());
                    ++pushed;
                }
                if (random() % 3 == 0) sink.request(1);
                ex.run_ready();
                for (; seen != sink.items().size(); ++seen) {
                    // Items that waited in upstream, which was not asked, are not held.
                    if (source.taken() == pushed) CHECK(sink.items()[seen] <= ex.now());
                }
                ex.advance(1s);
            }
            source.end();
            sink.request();
            ex.run_ready();
            CHECK(sink.ended());
            CHECK(sink.items().size() + dropped == pushed);
            CHECK(std::is_sorted(sink.items().begin(), sink.items().end()));
        }
    }
}

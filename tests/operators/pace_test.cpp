// SPDX-License-Identifier: MIT
#include <weir/operators/pace.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <manual_clock.hpp>
#include <numbers.hpp>
#include <self_drop.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/merge.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using support::numbers;
using weir::pace;
using weir::rate;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::tracked;
using weir::testing::virtual_executor;
using durations = std::vector<weir::duration>;

TEST_SUITE("operators/pace") {
    TEST_CASE("pace emits items no faster than the rate and loses none") {
        marbles m;
        CHECK(m.play(m.hot("abcdef-----|") | pace(rate{1, m.ticks(2)})) == "a-b-c-d-e-f|");
        CHECK(m.play(m.hot("abcdef-----|") | pace(rate{1, m.ticks(3)})) == "a--b--c--d--e--[f|]");
        CHECK(m.play(m.hot("abcdef-|") | pace(rate{2, m.ticks(1)}, 2)) == "abcdef-|");
    }

    TEST_CASE("pace: the bucket lets a burst through, and fills up in a pause") {
        marbles m;
        CHECK(m.play(m.hot("abcdef----|") | pace(rate{1, m.ticks(2)}, 3)) == "abcde-f---|");
        CHECK(m.play(m.hot("[abcd]------------[efgh]|") | pace(rate{1, m.ticks(3)}, 3)) ==
              "[abc]--d---------[efg]--[h|]");
    }

    TEST_CASE("pace passes on slow items at their times") {
        marbles m;
        CHECK(m.play(m.hot("a---b---c---|") | pace(rate{1, m.ticks(4)})) == "a---b---c---|");
        CHECK(m.play(m.hot("a---b---c---#") | pace(rate{1, m.ticks(4)})) == "a---b---c---#");
        CHECK(m.play(m.hot("---|") | pace(rate{1, m.ticks(9)})) == "---|");
    }

    TEST_CASE("pace: an error follows the waiting item") {
        marbles m;
        CHECK(m.play(m.hot("ab#") | pace(rate{1, m.ticks(5)})) == "a----[b#]");
    }

    TEST_CASE("pace: each item takes the tokens that it costs") {
        marbles m;
        CHECK(m.play(m.hot<int>("12301|") | pace(rate{1, m.ticks(2)}, 3, [](int x) { return x; })) ==
              "12----[30]-[1|]");
        // More than the bucket holds.
        CHECK(m.play(m.hot<int>("141|") | pace(rate{1, m.ticks(1)}, 1, [](const int& x) { return x; })) == "1---4[1|]");
        CHECK(m.play(m.hot("abc|") | pace(rate{100, m.ticks(1)}, 100, 200)) == "-a-b-[c|]");
    }

    TEST_CASE("pace does not poll upstream while an item waits") {
        virtual_executor ex;
        probe<int> source;
        for (int i = 0; i != 9; ++i) source.push(i);
        probe_sink sink{ex, source.stream() | pace(rate{10})};
        sink.request();
        ex.advance(250ms);
        CHECK(sink.items() == numbers{0, 1, 2});
        CHECK(source.taken() == 4);
    }

    TEST_CASE("pace fills the bucket up to its size while the consumer is slow") {
        virtual_executor ex;
        durations when;
        ex.run(weir::iota(0, 5) | pace(rate{10}, 2) | weir::for_each([&](int x) {
                   when.push_back(ex.elapsed());
                   return weir::sleep_for(x == 1 ? 1000ms : 0ms);
               }));
        CHECK(when == durations{0ms, 0ms, 1000ms, 1000ms, 1100ms});
    }

    TEST_CASE("pace: late wake-ups do not add up, and a stall makes no burst") {
        support::manual_executor ex;
        durations when;
        auto handle = ex.spawn(weir::iota(0) | pace(rate{10}) |
                               weir::for_each([&](int) { when.push_back(ex.now().time_since_epoch()); }));
        ex.run_ready();
        ex.run_after(140ms);
        ex.run_after(60ms);
        ex.run_after(599ms);
        ex.run_after(1ms);
        CHECK(when == durations{0ms, 140ms, 200ms, 799ms, 800ms});
    }

    TEST_CASE("pace: several pipelines may share a limiter and take turns") {
        virtual_executor ex;
        weir::rate_limiter limiter{rate{1000}};
        std::string order;
        const auto source = [&](char name) {
            return weir::iota(0, 3) | weir::map([name](int) { return name; }) | pace(limiter);
        };
        ex.run(weir::merge(source('a'), source('b'), source('c')) | weir::for_each([&](char c) { order += c; }));
        CHECK(order == "abcabcabc");
        CHECK(ex.elapsed() == 8ms);
        CHECK(limiter.queued() == 0);
    }

    TEST_CASE("pace: a dropped waiter gives its turn to others") {
        virtual_executor ex;
        weir::rate_limiter limiter{rate{10}};
        probe_sink first{ex, weir::iota(0) | pace(limiter)};
        first.request();
        ex.run_ready();
        probe_sink second{ex, weir::iota(0) | pace(limiter)};
        second.request(1);
        ex.advance(50ms);
        CHECK(limiter.queued() == 2);
        first.drop();
        ex.advance(50ms);
        CHECK(second.items() == numbers{0});
    }

    TEST_CASE("pace: an item whose turn has come is not lost when the consumer gives up") {
        virtual_executor ex;
        auto source = weir::iota(0) | pace(rate{10});
        struct poll_once {
            using result_type = int;
            weir::poll<int> poll_result(weir::context& cx) {
                auto item = upstream.poll_next(cx);
                return item.is_item() ? *item : -1;
            }
            decltype(source)& upstream;
        };
        CHECK(ex.run(poll_once{source}) == 0);
        CHECK(ex.run(poll_once{source}) == -1);
        ex.advance(1s);
        CHECK(ex.run(poll_once{source}) == 1);
        CHECK(ex.run(poll_once{source}) == 2);
        CHECK(ex.run(poll_once{source}) == -1);
    }

    TEST_CASE("pace: a cost that is negative, or fails, ends the stream") {
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::just(-1) | pace(rate{1}, 1, [](int x) { return x; }) | weir::drain()),
                             "weir::pace(rate, burst, cost): cost is negative", std::invalid_argument);
        CHECK_THROWS_WITH(ex.run(weir::just(1) |
                                 pace(rate{1}, 1, [](int) -> int { throw std::runtime_error{"cost"}; }) |
                                 weir::drain()),
                          "cost");
    }

    TEST_CASE("pace rejects arguments that make no sense when the pipeline is built") {
        CHECK_THROWS_WITH_AS(pace(rate{0}), "weir::rate: amount must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(pace(rate{1, -1s}), std::invalid_argument);
        CHECK_THROWS_AS(pace(rate{1}, 0), std::invalid_argument);
        CHECK_THROWS_WITH_AS(pace(rate{1}, 1, -1), "weir::pace(rate, burst, cost): cost is negative",
                             std::invalid_argument);
        CHECK_NOTHROW(pace(rate{1}, 1u, 1ull));
    }

    TEST_CASE("pace keeps the contract of a stream") {
        CHECK(check_contract([] { return pace(rate{1000}); }) == "");
        CHECK(check_contract([] { return pace(rate{1000}, 3, [](const tracked&) { return 2; }); }) == "");
        std::list<weir::rate_limiter> limiters; // one for each time that the check begins anew
        CHECK(check_contract([&] { return pace(limiters.emplace_back(rate{1000})); }) == "");
    }

    TEST_CASE("pace may be dropped by its upstream during a poll") {
        support::drop_from_within([](auto s) { return std::move(s) | pace(rate{1000}); });
    }

    TEST_CASE("pace moves its items") {
        virtual_executor ex;
        probe_sink sink{ex, weir::iota(0, 3) | weir::map([](int x) { return std::make_unique<int>(x); }) |
                                pace(rate{1000})};
        sink.request();
        ex.run_until_idle();
        REQUIRE(sink.items().size() == 3);
        CHECK(*sink.items()[2] == 2);
    }

    TEST_CASE("pace emits every item in order, whenever items arrive") {
        std::mt19937 random{7};
        for (int i = 0; i != 200; ++i) {
            const auto items = support::random_numbers(random, 20, 0, 9);
            CHECK(support::arrive_at_random(random, items, pace(rate{1}, 1000)) == items);
        }
    }

    TEST_CASE("pace allocates nothing per item, whether it waits or not") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | pace(rate{1000}, 2) | weir::drain());
              }) == 0);
    }
}

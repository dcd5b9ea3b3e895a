// SPDX-License-Identifier: MIT
#include <weir/operators/chunk.hpp>

#include <doctest/doctest.h>

#include <exception>
#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <range/v3/range/conversion.hpp>
#include <range/v3/view/chunk.hpp>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <manual_clock.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/interval.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace std::chrono_literals;
using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::probe;
using weir::testing::probe_sink;
using weir::testing::virtual_executor;
using chunks = std::vector<std::vector<int>>;

TEST_SUITE("operators/chunk") {
    TEST_CASE("chunk emits n items at a time, and the rest at the end") {
        marbles m;
        CHECK(m.play(m.hot("a--b--------c--d-----e--|") | weir::chunk(2)) == "---(ab)-----------(cd)--------[(e)|]");
    }

    TEST_CASE("chunk emits n items, or the items that arrived within the time") {
        marbles m;
        CHECK(m.play(m.hot("a--b--------c--d-----e--|") | weir::chunk(3, 5ms)) ==
              "-----(ab)-----------(cd)------[(e)|]");
    }

    TEST_CASE("chunk: a full chunk is emitted at once") {
        marbles m;
        CHECK(m.play(m.hot("[abc]---d...") | weir::chunk(2, 3ms)) == "(ab)--(c)---(d)...");
    }

    TEST_CASE("chunk emits no empty chunk") {
        marbles m;
        CHECK(m.play(m.hot("|") | weir::chunk(2)) == "|");
        marbles timed;
        CHECK(timed.play(timed.hot("---------------a...") | weir::chunk(2, 3ms)) == "------------------(a)...");
        marbles full;
        CHECK(full.play(full.hot("[ab]-|") | weir::chunk(2)) == "(ab)-|");
    }

    TEST_CASE("chunk: the time of a chunk counts from its first item") {
        marbles m;
        CHECK(m.play(m.hot("[abc]-[def]-----|") | weir::chunk(5, 3ms)) == "--(abcde)--(f)--|");
    }

    TEST_CASE("chunk: an item that arrives in the turn in which the time is over belongs to the chunk") {
        marbles m;
        CHECK(m.play(m.hot("a--b--|") | weir::chunk(5, 3ms)) == "---(ab)--|");
    }

    TEST_CASE("chunk emits what has arrived when the signal does") {
        marbles m;
        auto in = m.hot("a--b--------c--d-----e--|");
        CHECK(m.play(std::move(in) | weir::chunk(3, m.hot("-s---s--------s"))) ==
              "-(a)---(b)--------(c)---------[(de)|]");
        marbles full;
        CHECK(full.play(full.hot("[abc]-----|") | weir::chunk(2, full.hot("---s|"))) == "(ab)--(c)--|");
    }

    TEST_CASE("chunk ignores a signal while it holds nothing, and takes several signals as one") {
        marbles m;
        CHECK(m.play(m.hot("----a--b--|") | weir::chunk(9, m.hot("-s-s-[sss]---"))) == "-----(a)----[(b)|]");
    }

    TEST_CASE("chunk: an item that arrives in the turn of the signal belongs to the chunk") {
        marbles m;
        CHECK(m.play(m.hot("a--b--|") | weir::chunk(9, m.hot("---s---"))) == "---(ab)--|");
    }

    TEST_CASE("chunk delivers the items held before an error of the signal, and drops both streams") {
        virtual_executor ex;
        probe<int> source;
        probe<int> signal;
        probe_sink sink{ex, source.stream() | weir::chunk(9, signal.stream())};
        ex.run_ready();
        CHECK(signal.polls() == 0);
        sink.request();
        source.push(1);
        ex.run_ready();
        signal.fail(std::make_exception_ptr(1));
        ex.run_ready();
        CHECK(sink.items() == chunks{{1}});
        CHECK(sink.failed());
        CHECK(source.dropped());
        CHECK(signal.dropped());
    }

    TEST_CASE(
        "chunk with an interval emits at the ticks of a clock for a million seconds, and no burst after a stall") {
        virtual_executor ex;
        std::vector<weir::duration> seen;
        ex.run(weir::interval(40s) | weir::chunk(100, weir::interval(1000s)) | weir::take(1000) |
               weir::for_each([&](const auto& items) {
                   CHECK(items.size() == 25);
                   seen.push_back(ex.elapsed());
               }));
        CHECK(seen.front() == 1000s);
        CHECK(seen.back() == 1'000'000s);
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::chunk(9, weir::interval(10s))};
        sink.request(1);
        source.push(1);
        ex.advance(10s);
        CHECK(sink.items().size() == 1);
        ex.advance(1000s);
        source.push(2);
        sink.request();
        ex.advance(9s);
        CHECK(sink.items().size() == 2); // one tick for the hundred that were missed
        source.push(3);
        ex.run_ready();
        CHECK(sink.items().size() == 2);
        sink.drop();
        CHECK(ex.stats().timers_armed == 0);
    }

    TEST_CASE("chunk delivers held items before an error") {
        marbles m;
        CHECK(m.play(m.hot("ab-c-#") | weir::chunk(2)) == "-(ab)---[(c)#]");
        marbles timed;
        CHECK(timed.play(timed.hot("ab-c-#") | weir::chunk(2, 1s)) == "-(ab)---[(c)#]");
        marbles at_once;
        CHECK(at_once.play(at_once.hot("#") | weir::chunk(2)) == "#");
    }

    TEST_CASE("chunk with a time of 0 emits the items that are ready") {
        marbles m;
        CHECK(m.play(m.hot("[abc]-d--[ef|]") | weir::chunk(2, 0s)) == "[(ab)(c)]-(d)--[(ef)|]");
    }

    TEST_CASE("chunk: after a long stall without demand nothing is lost and nothing fails") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | weir::chunk(3, 10ms)};
        sink.request(1);
        ex.run_ready();
        source.push(1);
        ex.advance(10ms);
        CHECK(sink.items() == chunks{{1}});
        for (int i = 2; i != 7; ++i) {
            source.push(i);
            ex.advance(1h);
        }
        CHECK(source.taken() == 1);
        sink.request();
        ex.run_ready();
        CHECK(sink.items() == chunks{{1}, {2, 3, 4}});
        ex.advance(10ms);
        CHECK(sink.items() == chunks{{1}, {2, 3, 4}, {5, 6}});
    }

    TEST_CASE("chunk: a chunk that became due between polls is emitted at the next poll") {
        virtual_executor ex;
        probe<int> source;
        auto stream = source.stream() | weir::chunk(10, 10ms);
        weir::waker idle{[](weir::waker&) noexcept {}};
        idle.bind(weir::detail::executor_access::queue(ex));
        weir::context cx{idle};
        source.push(1);
        CHECK(stream.poll_next(cx).is_pending());
        ex.advance(1h);
        source.push(2);
        CHECK(*stream.poll_next(cx) == std::vector{1, 2});
    }

    TEST_CASE("chunk: a slow source that is always ready does not delay a chunk forever") {
        support::manual_executor ex;
        probe_sink sink{ex, weir::iota(0) | weir::map([&](int i) {
                                ex.stall(1ms);
                                return i;
                            }) | weir::chunk(1'000'000, 10s)};
        sink.request(1);
        while (sink.items().empty() && ex.now().time_since_epoch() < 100s) ex.turn();
        REQUIRE(sink.items().size() == 1);
        CHECK(sink.items()[0].size() >= 10'000);
        CHECK(sink.items()[0].size() < 13'000);
        sink.drop();
    }

    TEST_CASE("chunk agrees with range-v3") {
        std::mt19937 random{1};
        for (int round = 0; round != 300; ++round) {
            const auto numbers = support::random_numbers(random, 20, 0, 9);
            const std::size_t n = 1 + static_cast<std::size_t>(round) % 5;
            const auto expected = numbers | ranges::views::chunk(n) | ranges::to<chunks>();
            CHECK(support::arrive_at_random(random, numbers, weir::chunk(n)) == expected);
            CHECK(support::arrive_at_random(random, numbers, weir::chunk(n, 1h)) == expected);
            CHECK(support::arrive_at_random(random, numbers, weir::chunk(n, weir::never<int>())) == expected);
        }
    }

    TEST_CASE("chunk allocates once per chunk and not per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::chunk(100) | weir::for_each([](auto) {}));
              }) == 20);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::chunk(100, 1s) | weir::for_each([](auto) {}));
              }) == 20);
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::chunk(100, weir::interval(1s)) | weir::for_each([](auto) {}));
              }) == 20);
    }

    TEST_CASE("chunk accepts move-only items") {
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(1, 6) | weir::map([](int i) { return std::make_unique<int>(i); }) | weir::chunk(2) |
               weir::for_each([&](auto chunk) {
                   for (const auto& item : chunk) sum += *item;
               }));
        CHECK(sum == 15);
    }

    TEST_CASE("chunk rejects n of 0 and negative times") {
        CHECK_THROWS_WITH_AS(weir::chunk(0), "weir::chunk(n): n must be at least 1", std::invalid_argument);
        CHECK_THROWS_AS(weir::chunk(-1), std::invalid_argument);
        CHECK_THROWS_AS(weir::chunk(0, 1s), std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::chunk(1, -1s), "weir::chunk(n, d): d is negative", std::invalid_argument);
    }

    TEST_CASE("chunk keeps the contract of a stream") {
        CHECK(check_contract([] { return weir::chunk(2) | weir::map([](auto c) { return c.size(); }); }) == "");
        // What is due is given, though it is not full: the pull for the next item stays.
        CHECK(check_contract([] { return weir::chunk(4, 1s) | weir::map([](auto c) { return c.size(); }); },
                             {.prefetch = 3}) == "");
        CHECK(check_contract([] {
                  return weir::chunk(2, weir::never<int>()) | weir::map([](auto c) { return c.size(); });
              }) == "");
    }
}

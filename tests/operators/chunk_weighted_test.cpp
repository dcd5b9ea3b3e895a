// SPDX-License-Identifier: MIT
#include <weir/operators/chunk_weighted.hpp>

#include <doctest/doctest.h>

#include <limits>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include <arrivals.hpp>
#include <numbers.hpp>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>

using namespace weir::testing;
using support::numbers;
using weir::chunk_weighted;

namespace {

constexpr auto value = [](int x) { return x; };

} // namespace

TEST_SUITE("operators/chunk_weighted") {
    TEST_CASE("chunk_weighted emits chunks that weigh at most max, and a heavy item alone") {
        marbles m;
        CHECK(m.play(m.hot<int>("--2--1--3--4--9--1--|") | chunk_weighted(4, value)) ==
              "--------(21)--[(3)(4)]--(9)-----[(1)|]");
        CHECK(m.play(m.hot<int>("[13]-[22]1...") | chunk_weighted(4, value)) == "(13)-(22)...");
        CHECK(m.play(m.hot<int>("|") | chunk_weighted(4, value)) == "|");
        CHECK(m.play(m.hot<int>("1-#") | chunk_weighted(4, value)) == "--[(1)#]");
        CHECK(m.play(m.hot<int>("39#") | chunk_weighted(4, value)) == "-[(3)(9)]#");
        CHECK(m.play(m.hot<int>("39...") | chunk_weighted(4, value) | weir::take(1)) == "-[(3)|]");
    }

    TEST_CASE("chunk_weighted with a time limit emits what is held when it has passed since the first item") {
        marbles m;
        const auto d = m.ticks(4);
        CHECK(m.play(m.hot<int>("-1-1------1---4|") | chunk_weighted(4, value, d)) == "-----(11)--------[(1)(4)]|");
        CHECK(m.play(m.hot<int>("3--2------|") | chunk_weighted(4, value, d)) == "---(3)---(2)--|");
        CHECK(m.play(m.hot<int>("1-|") | chunk_weighted(4, value, d)) == "--[(1)|]");
    }

    TEST_CASE("chunk_weighted pulls one item beyond a chunk at most, and none when the chunk has its weight") {
        virtual_executor ex;
        probe<int> source;
        probe_sink sink{ex, source.stream() | chunk_weighted(4, value)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        for (const int x : {1, 3, 3, 9, 1}) source.push(x);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 2);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 4);
        sink.request(1);
        ex.run_ready();
        CHECK(source.taken() == 4);
        CHECK(sink.items() == std::vector<numbers>{{1, 3}, {3}, {9}});
    }

    TEST_CASE("chunk_weighted delivers what is held before an exception of weigh and before a negative weight") {
        for (const bool throws : {false, true}) {
            virtual_executor ex;
            probe<int> source;
            const auto weigh = [=](int x) { return x == 9 && throws ? throw std::runtime_error{"weigh"} : 5 - x; };
            probe_sink sink{ex, source.stream() | chunk_weighted(4, weigh)};
            sink.request();
            source.push(4);
            source.push(9);
            ex.run_ready();
            CHECK(sink.items() == std::vector<numbers>{{4}});
            CHECK(sink.error_message() ==
                  (throws ? "weigh" : "weir::chunk_weighted(max, weigh): a weight is negative"));
            CHECK(source.dropped());
        }
    }

    TEST_CASE("chunk_weighted may be dropped by weigh, and rejects a max of 0 and a negative duration") {
        virtual_executor ex;
        std::optional<probe_sink<weir::async_stream<numbers>>> sink;
        const auto weigh = [&](int x) {
            if (x == 3) sink.reset();
            return 1;
        };
        sink.emplace(ex, weir::async_stream<numbers>{weir::iota(0) | chunk_weighted(9, weigh)});
        sink->request();
        ex.run_ready();
        CHECK_FALSE(sink);
        CHECK_THROWS_WITH_AS(chunk_weighted(0, value), "weir::chunk_weighted(max, weigh): max must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_AS(chunk_weighted(1, value, weir::duration{-1}), std::invalid_argument);
    }

    TEST_CASE("chunk_weighted keeps the contract of a stream, and moves its items") {
        CHECK(check_contract([] { return chunk_weighted(3, [](int) { return 1; }); }, {.prefetch = 3}) == "");
        CHECK(check_contract([] { return chunk_weighted(3, [](int) { return 2; }, weir::duration{1}); },
                             {.prefetch = 3}) == "");
        virtual_executor ex;
        int sum = 0;
        ex.run(weir::iota(0, 5) | weir::map([](int x) { return std::make_unique<int>(x); }) |
               chunk_weighted(3, [](const auto& x) { return *x; }) | weir::for_each([&](const auto& items) {
                   for (const auto& x : items) sum += *x;
               }));
        CHECK(sum == 10);
    }

    TEST_CASE("chunk_weighted agrees with a loop over a vector, whenever items arrive") {
        std::mt19937 random{20240912};
        for (int round = 0; round != 300; ++round) {
            const auto items = support::random_numbers(random, 20, 0, 6);
            const int most = 1 + static_cast<int>(random() % 6);
            const bool huge = random() % 4 == 0;
            const auto weigh = [=](int x) { return huge && x == 6 ? std::numeric_limits<int>::max() : x; };
            std::vector<numbers> expected;
            long weight = most;
            for (const int x : items) {
                if (weight >= most || weight + weigh(x) > most) {
                    expected.emplace_back();
                    weight = 0;
                }
                expected.back().push_back(x);
                weight += weigh(x);
            }
            CHECK(support::arrive_at_random(random, items, chunk_weighted(most, weigh)) == expected);
        }
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/chunk_by.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/chunk_by.hpp>
#include <slow_consumer.hpp>

#include <weir/core/limit_exceeded.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::check_contract;
using weir::testing::marbles;
using weir::testing::virtual_executor;
using groups = std::vector<std::vector<int>>;

namespace {

constexpr auto itself = [](const auto& x) { return x; };
constexpr auto ascending = [](int a, int b) { return a <= b; };

} // namespace

TEST_SUITE("operators/chunk_by") {
    TEST_CASE("chunk_by emits neighbours with one key when the next key arrives or at the end") {
        marbles m;
        CHECK(m.play(m.hot("a-a-b-c-c-|") | weir::chunk_by(itself)) == "----(aa)-(b)---[(cc)|]");
        CHECK(m.play(m.cold("[aab]-b|") | weir::chunk_by(itself)) == "(aa)--[(bb)|]");
        CHECK(m.play(m.cold("a-b-a|") | weir::chunk_by(itself)) == "--(a)-(b)[(a)|]");
    }

    TEST_CASE("chunk_by emits neighbours for which a predicate holds in one vector") {
        marbles m;
        CHECK(m.play(m.hot<int>("1-3-2-2-|") | weir::chunk_by(ascending)) == "----(13)---[(22)|]");
    }

    TEST_CASE("chunk_by emits no group for no items, and one group for one item") {
        marbles m;
        CHECK(m.play(m.hot("--|") | weir::chunk_by(itself)) == "--|");
        CHECK(m.play(m.cold("a-|") | weir::chunk_by(itself)) == "--[(a)|]");
        CHECK(m.play(m.cold("aa...") | weir::chunk_by(itself)) == "...");
    }

    TEST_CASE("chunk_by delivers the held group before an error") {
        marbles m;
        CHECK(m.play(m.hot("a-a-#") | weir::chunk_by(itself)) == "----[(aa)#]");
        CHECK(m.play(m.cold("a-b#") | weir::chunk_by(itself)) == "--(a)[(b)#]");
        CHECK(m.play(m.cold("#") | weir::chunk_by(itself)) == "#");
        const auto not_b = [](char c) {
            if (c == 'b') throw std::runtime_error{"b"};
            return c;
        };
        CHECK(m.play(m.cold("a-b|") | weir::chunk_by(not_b)) == "--[(a)#]");
    }

    TEST_CASE("chunk_by: a group may grow to its limit and no further") {
        marbles m;
        CHECK(m.play(m.hot("aabb|") | weir::chunk_by(itself, 2)) == "--(aa)-[(bb)|]");
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::just(1, 1, 1) | weir::chunk_by(itself, 2) | weir::drain()),
                             "weir::chunk_by: more than 2 items in a group", weir::limit_exceeded);
        weir::testing::probe<int> source; // ready for ever
        for (int i = 0; i != 1000; ++i) source.push(1);
        weir::testing::probe_sink sink{ex, source.stream() | weir::chunk_by(itself, 10)};
        sink.request();
        ex.run_ready();
        CHECK(source.taken() == 11);
        CHECK(sink.items() == groups{std::vector<int>(10, 1)});
    }

    TEST_CASE("chunk_by emits the same groups to a slow consumer and to one that stops early") {
        marbles m;
        CHECK(support::seen_when_busy(m, 3, m.hot("aabbc|") | weir::chunk_by(itself)) == "(aa)(bb)(c)|");
        CHECK(m.play(m.cold("aabbc|") | weir::chunk_by(itself) | weir::take(1)) == "--[(aa)|]");
    }

    TEST_CASE("chunk_by polls upstream no further than to the first item of the next group") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (const int x : {1, 1, 2, 2, 3}) source.push(x);
        weir::testing::probe_sink sink{ex, source.stream() | weir::chunk_by(itself)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == groups{{1, 1}});
        CHECK(source.taken() == 3);
    }

    TEST_CASE("chunk_by accepts move-only items, keys that are members, and keys that own memory") {
        virtual_executor ex;
        const auto grouped =
            ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(1), std::make_unique<int>(2)) |
                   weir::chunk_by([](const auto& p) { return *p; }) | weir::to<std::vector>());
        REQUIRE(grouped.size() == 2);
        CHECK(grouped[0].size() == 2);
        struct line {
            std::string key;
            int number;
        };
        const auto of_line = ex.run(weir::just(line{"a key that is too long for the object", 1},
                                               line{"a key that is too long for the object", 2}, line{"", 3}) |
                                    weir::chunk_by(&line::key) | weir::to<std::vector>());
        REQUIRE(of_line.size() == 2);
        CHECK(of_line[0].size() == 2);
        CHECK(of_line[1][0].number == 3);
        CHECK(ex.run(weir::just(true, true, false) | weir::chunk_by(itself) | weir::to<std::vector>()) ==
              std::vector<std::vector<bool>>{{true, true}, {false}});
    }

    TEST_CASE("chunk_by agrees with views::chunk_by, whenever items arrive") {
        std::mt19937 random{1};
        for (int round = 0; round != 300; ++round) {
            const auto numbers = support::random_numbers(random, 20, 0, 3);
            CHECK(support::arrive_at_random(random, numbers, weir::chunk_by(ascending)) ==
                  (numbers | ranges::views::chunk_by(ascending) | ranges::to<groups>()));
            CHECK(support::arrive_at_random(random, numbers, weir::chunk_by(itself)) ==
                  (numbers | ranges::views::chunk_by([](int a, int b) { return a == b; }) | ranges::to<groups>()));
        }
    }

    TEST_CASE("chunk_by allocates per group, and nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::chunk_by([n](int x) { return 4 * x / n; }) | weir::drain());
              }) <= 8); // a group that is longer grows more often
    }

    TEST_CASE("chunk_by rejects a limit of 0") {
        CHECK_THROWS_WITH_AS(weir::chunk_by(itself, 0), "weir::chunk_by(f, limit): limit must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("chunk_by keeps the contract of a stream") {
        const auto size = weir::map([](auto group) { return group.size(); });
        const auto half = [](int x) { return x / 2; };
        CHECK(check_contract([&] { return weir::chunk_by(half) | size; }, {.prefetch = 1}) == "");
        CHECK(check_contract([&] { return weir::chunk_by([](int, int) { return false; }) | size; }, {.prefetch = 1}) ==
              "");
    }
}

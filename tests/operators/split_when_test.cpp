// SPDX-License-Identifier: MIT
#include <weir/operators/split_when.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
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

constexpr auto is_upper = [](char c) { return c >= 'A' && c <= 'Z'; };
constexpr auto is_zero = [](int x) { return x == 0; };

} // namespace

TEST_SUITE("operators/split_when") {
    TEST_CASE("split_when starts a new group at an item for which the predicate holds") {
        marbles m;
        CHECK(m.play(m.hot("A-b-c-D-E-|") | weir::split_when(is_upper)) == "------(Abc)-(D)-[(E)|]");
        CHECK(m.play(m.cold("a-b-C|") | weir::split_when(is_upper)) == "----(ab)[(C)|]");
        CHECK(m.play(m.cold("[AbCd]|") | weir::split_when(is_upper)) == "(Ab)[(Cd)|]");
    }

    TEST_CASE("split_when emits no group for no items, and one group for one item") {
        marbles m;
        CHECK(m.play(m.hot("--|") | weir::split_when(is_upper)) == "--|");
        CHECK(m.play(m.cold("A-|") | weir::split_when(is_upper)) == "--[(A)|]");
        CHECK(m.play(m.cold("a-|") | weir::split_when(is_upper)) == "--[(a)|]");
        CHECK(m.play(m.cold("Ab...") | weir::split_when(is_upper)) == "...");
    }

    TEST_CASE("split_when delivers the held group before an error") {
        marbles m;
        CHECK(m.play(m.hot("A-b-#") | weir::split_when(is_upper)) == "----[(Ab)#]");
        CHECK(m.play(m.cold("#") | weir::split_when(is_upper)) == "#");
        const auto not_b = [](char c) {
            if (c == 'b') throw std::runtime_error{"b"};
            return is_upper(c);
        };
        CHECK(m.play(m.cold("A-b|") | weir::split_when(not_b)) == "--[(A)#]");
    }

    TEST_CASE("split_when: a group may grow to its limit and no further") {
        virtual_executor ex;
        CHECK(ex.run(weir::just(0, 1, 0, 1) | weir::split_when(is_zero, 2) | weir::to<std::vector>()) ==
              groups{{0, 1}, {0, 1}});
        CHECK_THROWS_WITH_AS(ex.run(weir::just(0, 1, 1) | weir::split_when(is_zero, 2) | weir::drain()),
                             "weir::split_when: more than 2 items in a group", weir::limit_exceeded);
    }

    TEST_CASE("split_when emits the same groups to a slow consumer and to one that stops early") {
        marbles m;
        CHECK(support::seen_when_busy(m, 3, m.hot("AbCdE|") | weir::split_when(is_upper)) == "(Ab)(Cd)(E)|");
        CHECK(m.play(m.cold("AbCdE|") | weir::split_when(is_upper) | weir::take(1)) == "--[(Ab)|]");
    }

    TEST_CASE("split_when polls upstream no further than to the first item of the next group") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (const int x : {0, 1, 0, 1}) source.push(x);
        weir::testing::probe_sink sink{ex, source.stream() | weir::split_when(is_zero)};
        ex.run_ready();
        CHECK(source.polls() == 0);
        sink.request(1);
        ex.run_ready();
        CHECK(sink.items() == groups{{0, 1}});
        CHECK(source.taken() == 3);
    }

    TEST_CASE("split_when accepts move-only items") {
        virtual_executor ex;
        const auto split =
            ex.run(weir::just(std::make_unique<int>(0), std::make_unique<int>(1), std::make_unique<int>(0)) |
                   weir::split_when([](const auto& p) { return *p == 0; }) | weir::to<std::vector>());
        REQUIRE(split.size() == 2);
        CHECK(split[0].size() == 2);
    }

    TEST_CASE("split_when agrees with views::chunk_by, whenever items arrive") {
        std::mt19937 random{1};
        for (int round = 0; round != 300; ++round) {
            const auto numbers = support::random_numbers(random, 20, 0, 3);
            CHECK(
                support::arrive_at_random(random, numbers, weir::split_when(is_zero)) ==
                (numbers | ranges::views::chunk_by([](int, int right) { return right != 0; }) | ranges::to<groups>()));
        }
    }

    TEST_CASE("split_when allocates per group, and nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::split_when([n](int x) { return x == n / 2; }) | weir::drain());
              }) <= 4); // a group that is longer grows more often
    }

    TEST_CASE("split_when rejects a limit of 0") {
        CHECK_THROWS_WITH_AS(weir::split_when(is_zero, 0), "weir::split_when(pred, limit): limit must be at least 1",
                             std::invalid_argument);
    }

    TEST_CASE("split_when keeps the contract of a stream") {
        const auto size = weir::map([](auto group) { return group.size(); });
        CHECK(check_contract([&] { return weir::split_when([](int x) { return x % 2 == 0; }) | size; },
                             {.prefetch = 1}) == "");
        CHECK(check_contract([&] { return weir::split_when([](int) { return true; }) | size; }, {.prefetch = 1}) == "");
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/skip_last.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/drop_last.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/skip_last") {
    TEST_CASE("skip_last emits each item when n more have arrived") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b-c-d|") | weir::skip_last(2)) == "-----a-b|");
        CHECK(m.play(m.hot("-a-b|") | weir::skip_last(2)) == "----|");
        CHECK(m.play(m.hot("-a-b|") | weir::skip_last(0)) == "-a-b|");
        CHECK(m.play(weir::empty<int>() | weir::skip_last(2)) == "|");
    }

    TEST_CASE("skip_last: an error passes at once and discards the held items") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b-#") | weir::skip_last(1)) == "---a-#");
        CHECK(m.play(m.hot("#") | weir::skip_last(1)) == "#");
    }

    TEST_CASE("skip_last keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::skip_last(0); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::skip_last(3); }) == "");
    }

    TEST_CASE("skip_last rejects a negative number") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::skip_last(-1)), "weir::skip_last(n): n is negative",
                             std::invalid_argument);
    }

    TEST_CASE("skip_last accepts move-only items") {
        virtual_executor ex;
        const auto kept = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::skip_last(1) |
                                 weir::to<std::vector>());
        REQUIRE(kept.size() == 1);
        CHECK(*kept.front() == 1);
    }

    TEST_CASE("skip_last agrees with views::drop_last, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, 0, 9);
            const int n = std::uniform_int_distribution<int>{0, 12}(random);
            CHECK(support::arrive_at_random(random, numbers, weir::skip_last(n)) ==
                  (numbers | ranges::views::drop_last(n) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("skip_last allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::skip_last(5) | weir::drain());
              }) == 0);
    }
}

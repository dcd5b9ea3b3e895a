// SPDX-License-Identifier: MIT
#include <weir/operators/skip.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/drop.hpp>

#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/skip") {
    TEST_CASE("skip passes all items but the first n") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-[bc]-d|") | weir::skip(2)) == "---c-d|");
        CHECK(m.play(m.cold("-a-b|") | weir::skip(0)) == "-a-b|");
        CHECK(m.play(m.cold("-a-b|") | weir::skip(9)) == "----|");
        CHECK(m.play(weir::empty<int>() | weir::skip(1)) == "|");
    }

    TEST_CASE("skip: an error of upstream passes") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("#") | weir::skip(2)) == "#");
        CHECK(m.play(m.cold("-a-#") | weir::skip(2)) == "---#");
        CHECK(m.play(m.cold("[ab]c-#") | weir::skip(2)) == "-c-#");
    }

    TEST_CASE("skip keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::skip(0); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::skip(2); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::skip(100); }) == "");
    }

    TEST_CASE("skip: a negative number is rejected when the pipeline is built") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::skip(-1)), "weir::skip(n): n is negative", std::invalid_argument);
    }

    TEST_CASE("skip lets others run during a long run of skipped items") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 100'000) | weir::skip(100'000) | weir::count()) == 0);
        CHECK(ex.stats().turns > 50);
    }

    TEST_CASE("skip accepts move-only items") {
        virtual_executor ex;
        const auto kept = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::skip(1) |
                                 weir::to<std::vector>());
        REQUIRE(kept.size() == 1);
        CHECK(*kept[0] == 2);
    }

    TEST_CASE("skip agrees with views::drop, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            const int n = i % 23;
            CHECK(support::arrive_at_random(random, numbers, weir::skip(n)) ==
                  (numbers | ranges::views::drop(n) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("skip allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::skip(n / 2) | weir::drain());
              }) == 0);
    }
}

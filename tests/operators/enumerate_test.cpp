// SPDX-License-Identifier: MIT
#include <weir/operators/enumerate.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <memory>
#include <random>
#include <utility>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/view/enumerate.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/enumerate") {
    TEST_CASE("enumerate: items are numbered from zero") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-[bc]|") | weir::enumerate()) == "-(0a)-[(1b)(2c)]|");
        CHECK(m.play(weir::empty<int>() | weir::enumerate()) == "|");
    }

    TEST_CASE("enumerate: an error of upstream passes") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("#") | weir::enumerate()) == "#");
        CHECK(m.play(m.hot("-a-#") | weir::enumerate()) == "-(0a)-#");
    }

    TEST_CASE("enumerate keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::enumerate(); }) == "");
    }

    TEST_CASE("enumerate accepts move-only items") {
        virtual_executor ex;
        const auto all = ex.run(weir::just(std::make_unique<int>(4)) | weir::enumerate() | weir::to<std::vector>());
        CHECK(all.front().first == 0);
        CHECK(*all.front().second == 4);
    }

    TEST_CASE("enumerate agrees with views::enumerate, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            std::vector<std::pair<std::size_t, int>> expected;
            for (auto [index, item] : numbers | ranges::views::enumerate) expected.emplace_back(index, item);
            CHECK(support::arrive_at_random(random, numbers, weir::enumerate()) == expected);
        }
    }

    TEST_CASE("enumerate allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::enumerate() | weir::drain());
              }) == 0);
    }
}

// SPDX-License-Identifier: MIT
#include <weir/operators/scan.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/drop.hpp>
#include <range/v3/view/partial_sum.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::tracked;
using weir::testing::virtual_executor;

TEST_SUITE("operators/scan") {
    TEST_CASE("scan emits each new state, but not the seed") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("-1-[23]-1|") | weir::scan(0, std::plus{})) == "-1-[36]-7|");
        CHECK(m.play(m.cold("-a-b|") | weir::scan(std::string{">"}, std::plus{})) == "-<>a>-<>ab>|");
        CHECK(m.play(weir::empty<int>() | weir::scan(5, std::plus{})) == "|");
        CHECK(m.play(m.hot<int>("-1-[23]-1|") | weir::scan(std::plus{})) == "-1-[36]-7|");
        CHECK(m.play(m.hot("-a-b-#") | weir::scan([](char a, char b) { return std::max(a, b); })) == "-a-b-#");
        CHECK(m.play(weir::empty<int>() | weir::scan(std::plus{})) == "|");
    }

    TEST_CASE("scan: an error of upstream passes, and an exception from the function ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot<int>("#") | weir::scan(0, std::plus{})) == "#");
        CHECK(m.play(m.hot<int>("-1-#") | weir::scan(0, std::plus{})) == "-1-#");
        CHECK(m.play(m.cold<int>("1-2-3|") | weir::scan(0, [](int state, int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return state + x;
                     })) == "1-#");
    }

    TEST_CASE("scan keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::scan(0, std::plus{}); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::scan([](tracked, tracked x) { return x; }); },
                                            {.copies = 1}) == "");
    }

    TEST_CASE("scan accepts move-only items") {
        virtual_executor ex;
        const auto sums = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) |
                                 weir::scan(0, [](int sum, std::unique_ptr<int> item) { return sum + *item; }) |
                                 weir::to<std::vector>());
        CHECK(sums == std::vector{1, 3});
    }

    TEST_CASE("scan agrees with partial_sum, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            CHECK(support::arrive_at_random(random, numbers, weir::scan(0, std::plus{})) ==
                  (numbers | ranges::views::partial_sum | ranges::to<std::vector>()));
            const auto minus = [](int a, int b) { return a - b; };
            CHECK(support::arrive_at_random(random, numbers, weir::scan(minus)) ==
                  (numbers | ranges::views::partial_sum(minus) | ranges::to<std::vector>()));
            auto seeded = numbers;
            seeded.insert(seeded.begin(), 100);
            CHECK(support::arrive_at_random(random, numbers, weir::scan(100, minus)) ==
                  (seeded | ranges::views::partial_sum(minus) | ranges::views::drop(1) | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("scan allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::scan(0L, std::plus{}) | weir::drain());
              }) == 0);
    }
}

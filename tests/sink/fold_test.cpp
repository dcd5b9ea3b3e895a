// SPDX-License-Identifier: MIT
#include <weir/sink/fold.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <random>
#include <string>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/numeric/accumulate.hpp>

#include <weir/operators/map.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/fold") {
    TEST_CASE("fold returns the last state") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(1, 5) | weir::fold(0, std::plus{})) == 10);
        CHECK(ex.run(weir::just('a', 'b') | weir::fold(std::string{">"}, std::plus{})) == ">ab");
    }

    TEST_CASE("fold returns the seed for a stream without items") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(1, 1) | weir::fold(7, std::plus{})) == 7);
    }

    TEST_CASE("fold accepts a move-only state and move-only items") {
        virtual_executor ex;
        const auto sum = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) |
                                weir::fold(std::make_unique<int>(10), [](auto state, auto item) {
                                    *state += *item;
                                    return state;
                                }));
        CHECK(*sum == 13);
    }

    TEST_CASE("fold does not copy items") {
        virtual_executor ex;
        weir::testing::tracked::copies = 0;
        CHECK(ex.run(weir::iota(1, 5) | weir::map([](int x) { return weir::testing::tracked{x}; }) |
                     weir::fold(weir::testing::tracked{0}, [](weir::testing::tracked a, weir::testing::tracked b) {
                         return weir::testing::tracked{a + b};
                     })) == 10);
        CHECK(weir::testing::tracked::copies == 0);
    }

    TEST_CASE("fold fails with its upstream and with its function") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::fold(0, std::plus{})), "up");
        CHECK_THROWS_WITH(
            ex.run(weir::iota(0, 3) | weir::fold(0, [](int, int) -> int { throw std::runtime_error{"f"}; })), "f");
    }

    TEST_CASE("fold agrees with accumulate") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            const auto mix = [](int a, int b) { return a * 7 % 1009 + b; };
            CHECK(ex.run(weir::from_range(numbers) | weir::fold(3, mix)) == ranges::accumulate(numbers, 3, mix));
        }
    }

    TEST_CASE("fold allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  static_cast<void>(ex.run(weir::iota(0, n) | weir::fold(0L, std::plus{})));
              }) == 0);
    }
}

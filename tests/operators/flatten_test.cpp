// SPDX-License-Identifier: MIT
#include <weir/operators/flatten.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/range/conversion.hpp>
#include <range/v3/view/join.hpp>

#include <weir/async_stream.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/flatten") {
    TEST_CASE("flatten emits the inner streams one after the other") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold("-a-b|") | weir::map([&](char) { return m.cold("-x-y|"); }) | weir::flatten()) ==
              "--x-y-x-y|");
        CHECK(m.play(weir::empty<weir::async_stream<int>>() | weir::flatten()) == "|");
        CHECK(m.play(m.cold("a|") | weir::map([&](char) { return m.cold("-x-#"); }) | weir::flatten()) == "-x-#");
        CHECK(m.play(m.cold("-#") | weir::map([&](char) { return m.cold("x|"); }) | weir::flatten()) == "-#");
    }

    TEST_CASE("flatten emits the elements of ranges one by one") {
        virtual_executor ex;
        CHECK(ex.run(weir::just(std::vector{1, 2}, std::vector<int>{}, std::vector{3}) | weir::flatten() |
                     weir::to<std::vector>()) == std::vector{1, 2, 3});
        CHECK(ex.run(weir::just<std::string>("ab", "c") | weir::flatten() | weir::to<std::string>()) == "abc");
    }

    TEST_CASE("flatten keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] {
                  return weir::map([](weir::testing::tracked&& x) { return weir::just(std::move(x)); }) |
                         weir::flatten();
              }) == "");
    }

    TEST_CASE("flatten agrees with views::join, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 100; ++i) {
            std::vector<std::vector<int>> all(std::uniform_int_distribution<std::size_t>{0, 6}(random));
            for (auto& one : all) one = support::random_numbers(random, 4, 0, 9);
            CHECK(support::arrive_at_random(random, all, weir::flatten()) ==
                  (all | ranges::views::join | ranges::to<std::vector>()));
        }
    }

    TEST_CASE("flatten allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::map([](int x) { return weir::iota(x, x + 2); }) | weir::flatten() |
                         weir::drain());
              }) == 0);
    }
}

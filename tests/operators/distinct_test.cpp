// SPDX-License-Identifier: MIT
#include <weir/operators/distinct.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <failure.hpp>

#include <weir/core/limit_exceeded.hpp>
#include <weir/operators/map.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/distinct") {
    TEST_CASE("distinct leaves out an item that occurred before") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("-a-b-a-c-b|") | weir::distinct(10)) == "-a-b---c--|");
        CHECK(m.play(weir::empty<int>() | weir::distinct(1)) == "|");
        CHECK(m.play(m.hot("-a-#") | weir::distinct(1)) == "-a-#");
    }

    TEST_CASE("distinct compares the keys that a function returns") {
        virtual_executor ex;
        const auto items = ex.run(weir::just<std::string>("one", "two", "three", "four") |
                                  weir::distinct(10, &std::string::size) | weir::to<std::vector>());
        CHECK(items == std::vector<std::string>{"one", "three", "four"});
        const auto owners = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(1)) |
                                   weir::distinct(10, [](const auto& p) { return *p; }) | weir::to<std::vector>());
        CHECK(owners.size() == 1);
    }

    TEST_CASE("distinct fails when there are more different keys than its limit") {
        virtual_executor ex;
        std::vector<int> came;
        CHECK_THROWS_WITH_AS(ex.run(weir::from_range(std::vector{1, 2, 1, 2, 3}) | weir::distinct(2) |
                                    weir::map([&](int x) { return came.emplace_back(x); }) | weir::drain()),
                             "weir::distinct: more than 2 different keys", weir::limit_exceeded);
        CHECK(came == std::vector{1, 2});
        CHECK_THROWS_AS(static_cast<void>(weir::distinct(0)), std::invalid_argument);
        CHECK_THROWS_AS(static_cast<void>(weir::distinct(-1)), std::invalid_argument);
    }

    TEST_CASE("distinct: an exception from the key ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.cold<int>("1-2|") | weir::distinct(9, [](int x) {
                         if (x == 2) throw std::runtime_error{"two"};
                         return x;
                     })) == "1-#");
    }

    TEST_CASE("distinct keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::distinct(100, [](int x) { return x; }); }) == "");
        CHECK(weir::testing::check_contract([] { return weir::distinct(100, [](int) { return 0; }); }) == "");
    }

    TEST_CASE("distinct agrees with a set, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 30, 0, 9);
            std::vector<int> expected;
            std::set<int> seen;
            for (const int x : numbers) {
                if (seen.insert(x).second) expected.push_back(x);
            }
            CHECK(support::arrive_at_random(random, numbers, weir::distinct(10)) == expected);
        }
    }

    TEST_CASE("distinct allocates nothing for an item whose key is known") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::distinct(7, [](int x) { return x % 7; }) | weir::drain());
              }) == 0);
    }
}

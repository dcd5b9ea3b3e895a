// SPDX-License-Identifier: MIT
#include <weir/operators/inspect.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("operators/inspect") {
    TEST_CASE("inspect calls its function with each item and passes on items, the end and errors") {
        weir::testing::marbles m;
        std::string seen;
        const auto look = [&](char c) { seen += c; };
        CHECK(m.play(m.hot("-a-[bc]-|") | weir::inspect(look)) == "-a-[bc]-|");
        CHECK(m.play(m.cold("-d-#") | weir::inspect(look)) == "-d-#");
        CHECK(m.play(m.cold("#") | weir::inspect(look)) == "#");
        CHECK(seen == "abcd");
    }

    TEST_CASE("inspect: an exception from the function ends the stream") {
        weir::testing::marbles m;
        CHECK(m.play(m.hot("a-b-c|") | weir::inspect([](char c) {
                         if (c == 'b') throw std::runtime_error{"b"};
                     })) == "a-#");
    }

    TEST_CASE("inspect keeps the contract of a stream") {
        CHECK(weir::testing::check_contract([] { return weir::inspect([](const weir::testing::tracked&) {}); }) == "");
    }

    TEST_CASE("inspect accepts move-only items") {
        virtual_executor ex;
        int seen = 0;
        const auto items =
            ex.run(weir::just(std::make_unique<int>(4)) |
                   weir::inspect([&](const std::unique_ptr<int>& p) { seen = *p; }) | weir::to<std::vector>());
        CHECK(seen == 4);
        CHECK(*items.front() == 4);
    }

    TEST_CASE("inspect agrees with a vector, whenever items arrive") {
        std::mt19937 random{1};
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 20, -9, 9);
            std::vector<int> seen;
            CHECK(support::arrive_at_random(random, numbers, weir::inspect([&](int x) { seen.push_back(x); })) ==
                  numbers);
            CHECK(seen == numbers);
        }
    }

    TEST_CASE("inspect allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  long sum = 0;
                  ex.run(weir::iota(0, n) | weir::inspect([&](int x) { sum += x; }) | weir::drain());
              }) == 0);
    }
}

// SPDX-License-Identifier: MIT
#include <weir/sink/all_of.hpp>

#include <doctest/doctest.h>

#include <cstddef>
#include <random>
#include <stdexcept>
#include <utility>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/algorithm/all_of.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

namespace {

constexpr auto is_three = [](int x) { return x == 3; };

} // namespace

TEST_SUITE("sink/all_of") {
    TEST_CASE("all_of drops upstream when the result is known, and not before") {
        virtual_executor ex;
        const auto answer = [&](auto sink, bool expected, std::size_t polls) {
            weir::testing::probe<int> source;
            for (const int x : {1, 3, 5}) source.push(x);
            source.end();
            CHECK(ex.run(source.stream() | std::move(sink)) == expected);
            CHECK(source.polls() == polls);
            CHECK(source.dropped());
        };
        answer(weir::all_of(is_three), false, 1);
        answer(weir::all_of([](int x) { return x < 9; }), true, 4);
    }

    TEST_CASE("all_of is true for a stream without items") {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<int>() | weir::all_of(is_three)) == true);
    }

    TEST_CASE("all_of has no result before an item decides") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        const auto result = ex.spawn(source.stream() | weir::all_of(is_three));
        source.push(3);
        ex.run_ready();
        CHECK_FALSE(result.finished());
        source.push(2);
        ex.run_ready();
        CHECK(result.finished());
        CHECK(source.dropped());
    }

    TEST_CASE("all_of fails with its upstream and with its predicate") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::all_of(is_three)), "up");
        CHECK_THROWS_WITH(
            ex.run(weir::just(1) | weir::all_of([](int) -> bool { throw std::runtime_error{"predicate"}; })),
            "predicate");
    }

    TEST_CASE("all_of agrees with ranges::all_of") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 2, 4);
            CHECK(ex.run(weir::from_range(numbers) | weir::all_of(is_three)) == ranges::all_of(numbers, is_three));
        }
    }

    TEST_CASE("all_of allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::all_of([](int x) { return x >= 0; }));
              }) == 0);
    }
}

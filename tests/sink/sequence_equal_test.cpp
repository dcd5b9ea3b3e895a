// SPDX-License-Identifier: MIT
#include <weir/sink/sequence_equal.hpp>

#include <doctest/doctest.h>

#include <random>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace weir::testing;

TEST_SUITE("sink/sequence_equal") {
    TEST_CASE("sequence_equal is decided by the first difference, and drops both streams") {
        const auto decided_after = [](std::vector<int> left, std::vector<int> right) {
            virtual_executor ex;
            probe<int> a;
            probe<int> b;
            for (const int x : left) a.push(x);
            for (const int x : right) b.push(x);
            a.end();
            const auto result = ex.spawn(weir::sequence_equal(a.stream(), b.stream()));
            CHECK(a.polls() + b.polls() == 0);
            ex.run_ready();
            CHECK(result.finished());
            CHECK(a.dropped());
            CHECK(b.dropped());
            return b.polls();
        };
        CHECK(decided_after({1, 2, 3}, {1, 5, 3, 4}) == 2);
        CHECK(decided_after({1}, {1, 2}) == 2);
    }

    TEST_CASE("sequence_equal waits for both streams at the same time") {
        virtual_executor ex;
        CHECK(ex.run(weir::sequence_equal(weir::just(1, 2), weir::just(1.0, 2.0))));
        const auto tenths = [](double a, int b) { return static_cast<int>(a * 10) == b; };
        CHECK(ex.run(weir::sequence_equal(weir::just(0.12), weir::just(1), tenths)));
        const auto fails = [](int, int) -> bool { throw std::runtime_error{"callable"}; };
        CHECK_THROWS_WITH(ex.run(weir::sequence_equal(weir::just(1), weir::just(1), fails)), "callable");
        CHECK_THROWS_WITH(ex.run(weir::sequence_equal(weir::just(1, 2), weir::fail<int>(std::runtime_error{"right"}))),
                          "right");
    }

    TEST_CASE("sequence_equal holds for two streams without items") {
        virtual_executor ex;
        CHECK(ex.run(weir::sequence_equal(weir::empty<int>(), weir::empty<int>())));
        CHECK_FALSE(ex.run(weir::sequence_equal(weir::empty<int>(), weir::just(1))));
    }

    TEST_CASE("sequence_equal agrees with a comparison of vectors") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, -3, 3);
            const auto others = support::random_numbers(random, 3, -1, 1);
            CHECK(ex.run(weir::sequence_equal(weir::from_range(numbers), weir::from_range(others))) ==
                  (numbers == others));
            CHECK(ex.run(weir::sequence_equal(weir::from_range(numbers), weir::from_range(numbers))));
        }
    }

    TEST_CASE("sequence_equal allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  CHECK(ex.run(weir::sequence_equal(weir::iota(0, n), weir::iota(0, n))));
              }) == 0);
    }
}

// SPDX-License-Identifier: MIT
#include <weir/sink/sum.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <numeric>
#include <string>

#include <results.hpp>

#include <weir/executor/sleep.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/virtual_executor.hpp>

using namespace std::chrono_literals;
using weir::testing::virtual_executor;

TEST_SUITE("sink/sum") {
    TEST_CASE("sum reads to the end, and fails with its upstream") {
        CHECK(support::polls_until_result(weir::sum()) == 4);
        CHECK(support::upstream_error(weir::sum()) == "up");
    }

    TEST_CASE("sum adds items of any type with a plus") {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<double>() | weir::sum()) == 0.0);
        CHECK(ex.run(weir::just<std::string>("a", "b", "c") | weir::sum()) == "abc");
        CHECK(ex.run(weir::just(weir::duration{1ms}, weir::duration{2s}) | weir::sum()) == 2001ms);
    }

    TEST_CASE("sum agrees with the standard library") {
        support::for_random_numbers([](const auto& numbers, auto run) {
            CHECK(run(weir::sum()) == std::accumulate(numbers.begin(), numbers.end(), 0));
        });
    }

    TEST_CASE("sum allocates nothing per item") { CHECK(support::sink_allocations(weir::sum()) == 0); }
}

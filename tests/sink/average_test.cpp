// SPDX-License-Identifier: MIT
#include <weir/sink/average.hpp>

#include <doctest/doctest.h>

#include <numeric>
#include <optional>

#include <results.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/virtual_executor.hpp>

TEST_SUITE("sink/average") {
    TEST_CASE("average reads to the end, and fails with its upstream") {
        CHECK(support::polls_until_result(weir::average()) == 4);
        CHECK(support::upstream_error(weir::average()) == "up");
    }

    TEST_CASE("average of no items is none, and of one item is the item") {
        weir::testing::virtual_executor ex;
        CHECK(ex.run(weir::empty<int>() | weir::average()) == std::nullopt);
        CHECK(ex.run(weir::just(7) | weir::average()) == 7.0);
    }

    TEST_CASE("average agrees with the standard library") {
        support::for_random_numbers([](const auto& numbers, auto run) {
            const auto found = run(weir::average());
            REQUIRE(found.has_value() == !numbers.empty());
            if (numbers.empty()) return;
            const int sum = std::accumulate(numbers.begin(), numbers.end(), 0);
            CHECK(*found == doctest::Approx(sum / static_cast<double>(numbers.size())));
        });
    }

    TEST_CASE("average allocates nothing per item") { CHECK(support::sink_allocations(weir::average()) == 0); }
}

// SPDX-License-Identifier: MIT
#include <weir/sink/minmax.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <results.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/minmax") {
    TEST_CASE("minmax reads to the end, and fails with its upstream") {
        CHECK(support::polls_until_result(weir::minmax()) == 4);
        CHECK(support::upstream_error(weir::minmax()) == "up");
    }

    TEST_CASE("minmax of no items is none, and of one item is the item twice") {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<int>() | weir::minmax()) == std::nullopt);
        CHECK(*ex.run(weir::just(7) | weir::minmax()) == std::pair{7, 7});
    }

    TEST_CASE("minmax returns the first of equal items, and fails with its comparison") {
        virtual_executor ex;
        const auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
        const auto found = ex.run(weir::just<std::string>("bb", "a", "c", "dd") | weir::minmax(shorter));
        CHECK(*found == std::pair<std::string, std::string>{"a", "bb"});
        const auto fails = [](int, int) -> bool { throw std::runtime_error{"callable"}; };
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | weir::minmax(fails)), "callable");
    }

    TEST_CASE("minmax agrees with the standard library") {
        support::for_random_numbers([](const auto& numbers, auto run) {
            const auto found = run(weir::minmax());
            REQUIRE(found.has_value() == !numbers.empty());
            if (numbers.empty()) return;
            const auto [least, greatest] = std::ranges::minmax(numbers);
            CHECK(*found == std::pair{least, greatest});
        });
    }

    TEST_CASE("minmax allocates nothing per item") { CHECK(support::sink_allocations(weir::minmax()) == 0); }
}

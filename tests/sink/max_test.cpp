// SPDX-License-Identifier: MIT
#include <weir/sink/max.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/algorithm/max_element.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/max") {
    TEST_CASE("max returns the first of equal items") {
        virtual_executor ex;
        const auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
        CHECK(ex.run(weir::just<std::string>("bb", "a", "c", "dd") | weir::max(shorter)) == "bb");
    }

    TEST_CASE("max returns the only item of one, and nullopt for none") {
        virtual_executor ex;
        CHECK(ex.run(weir::just(4) | weir::max()) == 4);
        CHECK(ex.run(weir::empty<int>() | weir::max()) == std::nullopt);
    }

    TEST_CASE("max waits for the end of upstream") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        auto result = ex.spawn(source.stream() | weir::max());
        source.push(3);
        ex.run_ready();
        CHECK_FALSE(result.finished());
        source.end();
        ex.run_ready();
        CHECK(result.finished());
        CHECK(source.dropped());
    }

    TEST_CASE("max accepts move-only items") {
        virtual_executor ex;
        const auto less = [](const auto& a, const auto& b) { return *a < *b; };
        const auto found = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::max(less));
        CHECK(**found == 2);
    }

    TEST_CASE("max fails with its upstream and with its comparison") {
        virtual_executor ex;
        const auto fails = [](int, int) -> bool { throw std::runtime_error{"less"}; };
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::max()), "up");
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | weir::max(fails)), "less");
    }

    TEST_CASE("max agrees with ranges::max_element") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, -9, 9);
            const auto found = ex.run(weir::from_range(numbers) | weir::max());
            CHECK(found.has_value() == !numbers.empty());
            if (found) CHECK(*found == *ranges::max_element(numbers));
        }
    }

    TEST_CASE("max allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::max());
              }) == 0);
    }
}

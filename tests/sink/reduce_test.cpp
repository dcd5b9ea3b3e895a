// SPDX-License-Identifier: MIT
#include <weir/sink/reduce.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/numeric/accumulate.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/reduce") {
    TEST_CASE("reduce combines items from left to right") {
        virtual_executor ex;
        const auto minus = [](std::string a, std::string b) { return "(" + a + "-" + b + ")"; };
        CHECK(ex.run(weir::just<std::string>("a", "b", "c") | weir::reduce(minus)) == "((a-b)-c)");
        CHECK(ex.run(weir::just<std::string>("a") | weir::reduce(minus)) == "a");
        CHECK(ex.run(weir::empty<std::string>() | weir::reduce(minus)) == std::nullopt);
    }

    TEST_CASE("reduce waits for the end of upstream") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        auto result = ex.spawn(source.stream() | weir::reduce(std::plus{}));
        source.push(3);
        ex.run_ready();
        CHECK_FALSE(result.finished());
        source.end();
        ex.run_ready();
        CHECK(result.finished());
        CHECK(source.dropped());
    }

    TEST_CASE("reduce accepts move-only items") {
        virtual_executor ex;
        auto sum = [](std::unique_ptr<int> a, std::unique_ptr<int> b) { return std::make_unique<int>(*a + *b); };
        const auto found = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::reduce(sum));
        CHECK(**found == 3);
    }

    TEST_CASE("reduce fails with its upstream and with its function") {
        virtual_executor ex;
        const auto fails = [](int, int) -> int { throw std::runtime_error{"function"}; };
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::reduce(std::plus{})), "up");
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | weir::reduce(fails)), "function");
    }

    TEST_CASE("reduce agrees with ranges::accumulate") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, -9, 9);
            const auto sum = ex.run(weir::from_range(numbers) | weir::reduce(std::plus{}));
            CHECK(sum.has_value() == !numbers.empty());
            if (sum) CHECK(*sum == ranges::accumulate(numbers, 0));
        }
    }

    TEST_CASE("reduce allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::reduce(std::plus{}));
              }) == 0);
    }
}

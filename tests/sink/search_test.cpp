// SPDX-License-Identifier: MIT
#include <weir/sink/any_of.hpp>

#include <doctest/doctest.h>

#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/algorithm/all_of.hpp>
#include <range/v3/algorithm/any_of.hpp>
#include <range/v3/algorithm/max_element.hpp>
#include <range/v3/algorithm/min_element.hpp>
#include <range/v3/algorithm/none_of.hpp>
#include <range/v3/numeric/accumulate.hpp>

#include <weir/sink/all_of.hpp>
#include <weir/sink/max.hpp>
#include <weir/sink/min.hpp>
#include <weir/sink/none_of.hpp>
#include <weir/sink/reduce.hpp>
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

TEST_SUITE("sink/search") {
    TEST_CASE("any_of, all_of and none_of drop upstream when the answer is known") {
        virtual_executor ex;
        const auto answer = [&](auto sink, bool expected, std::size_t polls) {
            weir::testing::probe<int> source;
            for (const int x : {1, 3, 5}) source.push(x);
            source.end();
            CHECK(ex.run(source.stream() | std::move(sink)) == expected);
            CHECK(source.polls() == polls);
            CHECK(source.dropped());
        };
        answer(weir::any_of(is_three), true, 2);
        answer(weir::none_of(is_three), false, 2);
        answer(weir::all_of(is_three), false, 1);
        answer(weir::all_of([](int x) { return x < 9; }), true, 4);
        answer(weir::any_of([](int x) { return x > 9; }), false, 4);
        answer(weir::none_of([](int x) { return x > 9; }), true, 4);
    }

    TEST_CASE("any_of is false, and all_of and none_of are true, for a stream without items") {
        virtual_executor ex;
        CHECK_FALSE(ex.run(weir::empty<int>() | weir::any_of(is_three)));
        CHECK(ex.run(weir::empty<int>() | weir::all_of(is_three)));
        CHECK(ex.run(weir::empty<int>() | weir::none_of(is_three)));
    }

    TEST_CASE("any_of fails with its upstream and with its predicate") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::any_of(is_three)), "up");
        CHECK_THROWS_WITH(ex.run(weir::just(1) | weir::any_of([](int) -> bool { throw std::runtime_error{"pred"}; })),
                          "pred");
    }

    TEST_CASE("min and max are the first of equal items, and of no items there is none") {
        virtual_executor ex;
        const auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
        CHECK(ex.run(weir::just<std::string>("bb", "a", "c", "dd") | weir::min(shorter)) == "a");
        CHECK(ex.run(weir::just<std::string>("bb", "a", "c", "dd") | weir::max(shorter)) == "bb");
        CHECK(ex.run(weir::empty<int>() | weir::min()) == std::nullopt);
        CHECK(ex.run(weir::empty<int>() | weir::max()) == std::nullopt);
        CHECK(**ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) |
                       weir::max([](const auto& a, const auto& b) { return *a < *b; })) == 2);
    }

    TEST_CASE("min, max and reduce fail with their upstream and with their function") {
        virtual_executor ex;
        const auto fails = [](int, int) -> bool { throw std::runtime_error{"less"}; };
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::min()), "up");
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | weir::max(fails)), "less");
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | weir::reduce(fails)), "less");
    }

    TEST_CASE("reduce combines items from left to right") {
        virtual_executor ex;
        const auto minus = [](std::string a, std::string b) { return "(" + a + "-" + b + ")"; };
        CHECK(ex.run(weir::just<std::string>("a", "b", "c") | weir::reduce(minus)) == "((a-b)-c)");
        CHECK(ex.run(weir::just<std::string>("a") | weir::reduce(minus)) == "a");
        CHECK(ex.run(weir::empty<std::string>() | weir::reduce(minus)) == std::nullopt);
    }

    TEST_CASE("sinks that search agree with range-v3") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 0, 9);
            CHECK(ex.run(weir::from_range(numbers) | weir::any_of(is_three)) == ranges::any_of(numbers, is_three));
            CHECK(ex.run(weir::from_range(numbers) | weir::all_of(is_three)) == ranges::all_of(numbers, is_three));
            CHECK(ex.run(weir::from_range(numbers) | weir::none_of(is_three)) == ranges::none_of(numbers, is_three));
            const auto smallest = ex.run(weir::from_range(numbers) | weir::min());
            const auto largest = ex.run(weir::from_range(numbers) | weir::max());
            const auto sum = ex.run(weir::from_range(numbers) | weir::reduce(std::plus{}));
            CHECK(smallest.has_value() == !numbers.empty());
            if (numbers.empty()) continue;
            CHECK(*smallest == *ranges::min_element(numbers));
            CHECK(*largest == *ranges::max_element(numbers));
            CHECK(*sum == ranges::accumulate(numbers, 0));
        }
    }

    TEST_CASE("sinks that search allocate nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::all_of([](int x) { return x >= 0; }));
                  ex.run(weir::iota(0, n) | weir::max());
                  ex.run(weir::iota(0, n) | weir::reduce(std::plus{}));
              }) == 0);
    }
}

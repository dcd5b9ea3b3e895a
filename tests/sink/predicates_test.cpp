// SPDX-License-Identifier: MIT
#include <weir/sink/all_of.hpp>
#include <weir/sink/any_of.hpp>
#include <weir/sink/none_of.hpp>

#include <doctest/doctest.h>

#include <random>
#include <stdexcept>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/algorithm/all_of.hpp>
#include <range/v3/algorithm/any_of.hpp>
#include <range/v3/algorithm/none_of.hpp>

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

/// A sink of this file, with its algorithm over ranges. `deciding` is what the predicate returns for the item that
/// decides, and `decided` is the result then.
struct all {
    static constexpr const auto& sink = weir::all_of;
    static constexpr const auto& algorithm = ranges::all_of;
    static constexpr bool deciding = false;
    static constexpr bool decided = false;
};
struct any {
    static constexpr const auto& sink = weir::any_of;
    static constexpr const auto& algorithm = ranges::any_of;
    static constexpr bool deciding = true;
    static constexpr bool decided = true;
};
struct none {
    static constexpr const auto& sink = weir::none_of;
    static constexpr const auto& algorithm = ranges::none_of;
    static constexpr bool deciding = true;
    static constexpr bool decided = false;
};

} // namespace

TEST_SUITE("sink/predicates") {
    TEST_CASE_TEMPLATE("all_of, any_of and none_of drop upstream when the result is known, and not before", Sink, all,
                       any, none) {
        virtual_executor ex;
        weir::testing::probe<int> source;
        for (const int x : {1, 3, 5}) source.push(x);
        source.end();
        SUBCASE("an item decides") {
            const auto decides = [](int x) { return (x == 3) == Sink::deciding; };
            CHECK(ex.run(source.stream() | Sink::sink(decides)) == Sink::decided);
            CHECK(source.polls() == 2);
        }
        SUBCASE("no item decides") {
            CHECK(ex.run(source.stream() | Sink::sink([](int) { return !Sink::deciding; })) == !Sink::decided);
            CHECK(source.polls() == 4);
        }
        CHECK(source.dropped());
    }

    TEST_CASE_TEMPLATE("all_of, any_of and none_of have a result for a stream without items", Sink, all, any, none) {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<int>() | Sink::sink(is_three)) == !Sink::decided);
    }

    TEST_CASE_TEMPLATE("all_of, any_of and none_of have no result before an item decides", Sink, all, any, none) {
        virtual_executor ex;
        weir::testing::probe<int> source;
        const auto result = ex.spawn(source.stream() | Sink::sink([](int x) { return (x == 3) == Sink::deciding; }));
        source.push(2);
        ex.run_ready();
        CHECK_FALSE(result.finished());
        source.push(3);
        ex.run_ready();
        CHECK(result.finished());
        CHECK(source.dropped());
    }

    TEST_CASE_TEMPLATE("all_of, any_of and none_of fail with their upstream and with their predicate", Sink, all, any,
                       none) {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | Sink::sink(is_three)), "up");
        CHECK_THROWS_WITH(
            ex.run(weir::just(1) | Sink::sink([](int) -> bool { throw std::runtime_error{"predicate"}; })),
            "predicate");
    }

    TEST_CASE_TEMPLATE("all_of, any_of and none_of agree with the algorithms over ranges", Sink, all, any, none) {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 2, 4);
            CHECK(ex.run(weir::from_range(numbers) | Sink::sink(is_three)) == Sink::algorithm(numbers, is_three));
        }
    }

    TEST_CASE_TEMPLATE("all_of, any_of and none_of allocate nothing per item", Sink, all, any, none) {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | Sink::sink([](int) { return !Sink::deciding; }));
              }) == 0);
    }
}

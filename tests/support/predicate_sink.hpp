// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <random>
#include <stdexcept>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// Tests all_of, any_of or none_of. Sink has the sink and its `algorithm` over ranges; `deciding` is what the predicate
/// returns for the item that decides, and `decided` is the result then.
template <class Sink>
void check_predicate_sink() {
    using weir::testing::virtual_executor;
    constexpr auto is_three = [](int x) { return x == 3; };
    SUBCASE("drops upstream when the result is known, and not before") {
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

    SUBCASE("has a result for a stream without items") {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<int>() | Sink::sink(is_three)) == !Sink::decided);
    }

    SUBCASE("has no result before an item decides") {
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

    SUBCASE("fails with its upstream and with its predicate") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | Sink::sink(is_three)), "up");
        CHECK_THROWS_WITH(
            ex.run(weir::just(1) | Sink::sink([](int) -> bool { throw std::runtime_error{"predicate"}; })),
            "predicate");
    }

    SUBCASE("agrees with the algorithms over ranges") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, 2, 4);
            CHECK(ex.run(weir::from_range(numbers) | Sink::sink(is_three)) == Sink::algorithm(numbers, is_three));
        }
    }

    SUBCASE("allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | Sink::sink([](int) { return !Sink::deciding; }));
              }) == 0);
    }
}

} // namespace support

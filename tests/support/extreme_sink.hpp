// SPDX-License-Identifier: MIT
#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

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

/// Tests max or min. Sink has the sink and its `algorithm` over ranges; `of_greater` says which item is the result.
template <class Sink>
void check_extreme_sink() {
    using weir::testing::virtual_executor;
    SUBCASE("returns the first of equal items") {
        virtual_executor ex;
        const auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
        CHECK(ex.run(weir::just<std::string>("bb", "a", "c", "dd") | Sink::sink(shorter)) ==
              (Sink::of_greater ? "bb" : "a"));
    }

    SUBCASE("returns the only item of one, and nullopt for none") {
        virtual_executor ex;
        CHECK(ex.run(weir::just(4) | Sink::sink()) == 4);
        CHECK(ex.run(weir::empty<int>() | Sink::sink()) == std::nullopt);
    }

    SUBCASE("waits for the end of upstream") {
        virtual_executor ex;
        weir::testing::probe<int> source;
        auto result = ex.spawn(source.stream() | Sink::sink());
        source.push(3);
        ex.run_ready();
        CHECK_FALSE(result.finished());
        source.end();
        ex.run_ready();
        CHECK(result.finished());
        CHECK(source.dropped());
    }

    SUBCASE("accepts move-only items") {
        virtual_executor ex;
        const auto less = [](const auto& a, const auto& b) { return *a < *b; };
        const auto found = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | Sink::sink(less));
        CHECK(**found == (Sink::of_greater ? 2 : 1));
    }

    SUBCASE("fails with its upstream and with its comparison") {
        virtual_executor ex;
        const auto fails = [](int, int) -> bool { throw std::runtime_error{"less"}; };
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | Sink::sink()), "up");
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | Sink::sink(fails)), "less");
    }

    SUBCASE("agrees with the algorithms over ranges") {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, -9, 9);
            const auto found = ex.run(weir::from_range(numbers) | Sink::sink());
            CHECK(found.has_value() == !numbers.empty());
            if (found) CHECK(*found == *Sink::algorithm(numbers));
        }
    }

    SUBCASE("allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | Sink::sink());
              }) == 0);
    }
}

} // namespace support

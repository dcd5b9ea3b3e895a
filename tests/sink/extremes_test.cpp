// SPDX-License-Identifier: MIT
#include <weir/sink/max.hpp>
#include <weir/sink/min.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>

#include <allocations.hpp>
#include <arrivals.hpp>
#include <range/v3/algorithm/max_element.hpp>
#include <range/v3/algorithm/min_element.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/from_range.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

namespace {

/// A sink of this file, with its algorithm over ranges.
struct greatest {
    static constexpr const auto& sink = weir::max;
    static constexpr const auto& algorithm = ranges::max_element;
    static constexpr bool of_greater = true;
};
struct least {
    static constexpr const auto& sink = weir::min;
    static constexpr const auto& algorithm = ranges::min_element;
    static constexpr bool of_greater = false;
};

} // namespace

TEST_SUITE("sink/extremes") {
    TEST_CASE_TEMPLATE("max and min return the first of equal items", Sink, greatest, least) {
        virtual_executor ex;
        const auto shorter = [](const std::string& a, const std::string& b) { return a.size() < b.size(); };
        CHECK(ex.run(weir::just<std::string>("bb", "a", "c", "dd") | Sink::sink(shorter)) ==
              (Sink::of_greater ? "bb" : "a"));
    }

    TEST_CASE_TEMPLATE("max and min return the only item of one, and nullopt for none", Sink, greatest, least) {
        virtual_executor ex;
        CHECK(ex.run(weir::just(4) | Sink::sink()) == 4);
        CHECK(ex.run(weir::empty<int>() | Sink::sink()) == std::nullopt);
    }

    TEST_CASE_TEMPLATE("max and min wait for the end of upstream", Sink, greatest, least) {
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

    TEST_CASE_TEMPLATE("max and min accept move-only items", Sink, greatest, least) {
        virtual_executor ex;
        const auto less = [](const auto& a, const auto& b) { return *a < *b; };
        const auto found = ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | Sink::sink(less));
        CHECK(**found == (Sink::of_greater ? 2 : 1));
    }

    TEST_CASE_TEMPLATE("max and min fail with their upstream and with their comparison", Sink, greatest, least) {
        virtual_executor ex;
        const auto fails = [](int, int) -> bool { throw std::runtime_error{"less"}; };
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | Sink::sink()), "up");
        CHECK_THROWS_WITH(ex.run(weir::just(1, 2) | Sink::sink(fails)), "less");
    }

    TEST_CASE_TEMPLATE("max and min agree with the algorithms over ranges", Sink, greatest, least) {
        std::mt19937 random{1};
        virtual_executor ex;
        for (int i = 0; i != 200; ++i) {
            const auto numbers = support::random_numbers(random, 6, -9, 9);
            const auto found = ex.run(weir::from_range(numbers) | Sink::sink());
            CHECK(found.has_value() == !numbers.empty());
            if (found) CHECK(*found == *Sink::algorithm(numbers));
        }
    }

    TEST_CASE_TEMPLATE("max and min allocate nothing per item", Sink, greatest, least) {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | Sink::sink());
              }) == 0);
    }
}

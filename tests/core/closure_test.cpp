// SPDX-License-Identifier: MIT
#include <weir/core/closure.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <utility>
#include <vector>

#include <weir/operators/filter.hpp>
#include <weir/operators/map.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace {

std::vector<int> seen_of(auto pipeline) {
    weir::testing::virtual_executor ex;
    std::vector<int> seen;
    ex.run(std::move(pipeline) | weir::for_each([&](int x) { seen.push_back(x); }));
    return seen;
}

} // namespace

TEST_SUITE("core/closure") {
    TEST_CASE("closure: operators compose without a stream, and a closure can be used several times") {
        const auto odd_squares =
            weir::filter([](int x) { return x % 2 != 0; }) | weir::map([](int x) { return x * x; }) | weir::take(2);
        CHECK(seen_of(weir::iota(1, 100) | odd_squares) == std::vector{1, 9});
        CHECK(seen_of(weir::iota(4, 100) | odd_squares) == std::vector{25, 49});
    }

    TEST_CASE("closure: grouping does not change the pipeline") {
        const auto twice = weir::map([](int x) { return 2 * x; });
        const auto next = weir::map([](int x) { return x + 1; });
        CHECK(seen_of((weir::iota(0, 3) | twice) | next) == seen_of(weir::iota(0, 3) | (twice | next)));
    }

    TEST_CASE("closure: a callable may be move-only") {
        auto bias = std::make_unique<int>(10);
        CHECK(seen_of(weir::iota(0, 2) | weir::map([bias = std::move(bias)](int x) { return x + *bias; })) ==
              std::vector{10, 11});
    }

    TEST_CASE("closure: a copyable stream is copied from an lvalue") {
        const auto numbers = weir::iota(0, 2);
        CHECK(seen_of(numbers | weir::take(1)) == std::vector{0});
        CHECK(seen_of(numbers | weir::take(9)) == std::vector{0, 1});
    }
}

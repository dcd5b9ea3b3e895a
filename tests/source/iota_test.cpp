// SPDX-License-Identifier: MIT
#include <weir/source/iota.hpp>

#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>
#include <vector>

#include <allocations.hpp>

#include <weir/operators/take.hpp>
#include <weir/sink/count.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/to.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("source/iota") {
    TEST_CASE("iota counts from the first value to before the last") {
        weir::testing::marbles m;
        CHECK(m.play(weir::iota(1, 4)) == "[123|]");
        CHECK(m.play(weir::iota(4, 4)) == "|");
        CHECK(m.play(weir::iota('a', 'd')) == "[abc|]");
    }

    TEST_CASE("iota without a last value counts to the largest value of the type, and includes it") {
        weir::testing::marbles m;
        CHECK(m.play(weir::iota(7) | weir::take(2)) == "[78|]");
        virtual_executor ex;
        CHECK(ex.run(weir::iota(std::uint8_t{250}) | weir::to<std::vector>()) ==
              std::vector<std::uint8_t>{250, 251, 252, 253, 254, 255});
        CHECK(ex.run(weir::iota(std::uint8_t{0}) | weir::count()) == 256);
        CHECK(ex.run(weir::iota(std::int8_t{-128}) | weir::count()) == 256);
        // One at a time, and a consumer that stops at the last one.
        CHECK(ex.run(weir::iota(std::uint8_t{0}) | weir::take(256) | weir::count()) == 256);
        auto two = weir::iota(std::uint8_t{254});
        CHECK(ex.run(weir::next(two)) == 254);
        CHECK(ex.run(weir::next(two)) == 255);
        CHECK_FALSE(ex.run(weir::next(two)).has_value());
    }

    TEST_CASE("iota counts with iterators, too") {
        const std::vector<int> numbers{1, 2, 3};
        virtual_executor ex;
        CHECK(ex.run(weir::iota(numbers.begin(), numbers.end()) | weir::count()) == 3);
    }

    TEST_CASE("iota rejects a last value before the first when the pipeline is built") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::iota(1, 0)), "weir::iota(first, last): last is before first",
                             std::invalid_argument);
    }

    TEST_CASE("iota allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::drain());
              }) == 0);
    }
}

// SPDX-License-Identifier: MIT
#include <weir/sink/drain.hpp>

#include <doctest/doctest.h>

#include <chrono>
#include <memory>
#include <type_traits>

#include <allocations.hpp>

#include <weir/operators/inspect.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/drain") {
    TEST_CASE("drain pulls all items and returns no result") {
        virtual_executor ex;
        int seen = 0;
        const auto look = [&](int) { ++seen; };
        static_assert(std::is_void_v<decltype(ex.run(weir::iota(0, 5) | weir::inspect(look) | weir::drain()))>);
        ex.run(weir::iota(0, 5) | weir::inspect(look) | weir::drain());
        CHECK(seen == 5);
        ex.run(weir::empty<int>() | weir::drain());
        ex.run(weir::just(std::make_unique<int>(1)) | weir::drain());
    }

    TEST_CASE("drain waits for the end") {
        weir::testing::marbles m;
        m.executor().run(m.hot("-a---|") | weir::drain());
        CHECK(m.executor().elapsed() == m.ticks(5));
    }

    TEST_CASE("drain fails with its upstream") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::fail<int>(std::runtime_error{"up"}) | weir::drain()), "up");
    }

    TEST_CASE("drain allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  ex.run(weir::iota(0, n) | weir::drain());
              }) == 0);
    }
}

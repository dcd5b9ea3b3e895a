// SPDX-License-Identifier: MIT
#include <weir/sink/count.hpp>

#include <doctest/doctest.h>

#include <memory>

#include <allocations.hpp>

#include <weir/operators/concat.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/count") {
    TEST_CASE("count returns the number of items") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 5) | weir::count()) == 5);
        CHECK(ex.run(weir::empty<int>() | weir::count()) == 0);
        CHECK(ex.run(weir::just(std::make_unique<int>(1)) | weir::count()) == 1);
    }

    TEST_CASE("count fails with its upstream, whatever the items before") {
        virtual_executor ex;
        CHECK_THROWS_WITH(
            ex.run(weir::concat(weir::just(1), weir::fail<int>(std::runtime_error{"up"})) | weir::count()), "up");
    }

    TEST_CASE("count lets others run while it counts a stream that is always ready") {
        virtual_executor ex;
        bool ran = false;
        ex.post([&] { ran = true; });
        const auto counting = ex.run(weir::iota(0, 100'000) | weir::count());
        CHECK(counting == 100'000);
        CHECK(ran);
        CHECK(ex.stats().turns > 50);
    }

    TEST_CASE("count allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  static_cast<void>(ex.run(weir::iota(0, n) | weir::count()));
              }) == 0);
    }
}

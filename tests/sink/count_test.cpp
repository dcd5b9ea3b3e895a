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
    TEST_CASE("count: the number of items is the result") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(0, 5) | weir::count()) == 5);
        CHECK(ex.run(weir::empty<int>() | weir::count()) == 0);
        CHECK(ex.run(weir::just(std::make_unique<int>(1)) | weir::count()) == 1);
    }

    TEST_CASE("count: an error is the result, whatever came before it") {
        virtual_executor ex;
        CHECK_THROWS_WITH(
            ex.run(weir::concat(weir::just(1), weir::fail<int>(std::runtime_error{"up"})) | weir::count()), "up");
    }

    TEST_CASE("count: a stream that is always ready is counted in turns, so that others run in between") {
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

// SPDX-License-Identifier: MIT
#include <weir/sink/last.hpp>

#include <doctest/doctest.h>

#include <memory>
#include <optional>

#include <allocations.hpp>

#include <weir/operators/concat.hpp>
#include <weir/source/empty.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/last") {
    TEST_CASE("last returns the last item") {
        virtual_executor ex;
        CHECK(ex.run(weir::iota(4, 9) | weir::last()) == 8);
        CHECK(**ex.run(weir::just(std::make_unique<int>(1), std::make_unique<int>(2)) | weir::last()) == 2);
    }

    TEST_CASE("last returns nullopt for a stream without items") {
        virtual_executor ex;
        CHECK(ex.run(weir::empty<int>() | weir::last()) == std::nullopt);
    }

    TEST_CASE("last fails with its upstream, whatever the items before") {
        virtual_executor ex;
        CHECK_THROWS_WITH(ex.run(weir::concat(weir::just(1), weir::fail<int>(std::runtime_error{"up"})) | weir::last()),
                          "up");
    }

    TEST_CASE("last allocates nothing per item") {
        CHECK(support::allocations_for_more_items([](int n) {
                  virtual_executor ex;
                  static_cast<void>(ex.run(weir::iota(0, n) | weir::last()));
              }) == 0);
    }
}

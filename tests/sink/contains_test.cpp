// SPDX-License-Identifier: MIT
#include <weir/sink/contains.hpp>

#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include <results.hpp>

#include <weir/source/empty.hpp>
#include <weir/source/just.hpp>
#include <weir/testing/virtual_executor.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("sink/contains") {
    TEST_CASE("contains reads as far as its result needs, and fails with its upstream") {
        CHECK(support::polls_until_result(weir::contains(3)) == 2);
        CHECK(support::polls_until_result(weir::contains(4)) == 4);
        CHECK(support::upstream_error(weir::contains(3)) == "up");
    }

    TEST_CASE("contains finds nothing in a stream without items") {
        virtual_executor ex;
        CHECK_FALSE(ex.run(weir::empty<int>() | weir::contains(0)));
    }

    TEST_CASE("contains compares items with a value of another type") {
        virtual_executor ex;
        CHECK(ex.run(weir::just<std::string>("a", "b") | weir::contains("b")));
    }

    TEST_CASE("contains agrees with the standard library") {
        support::for_random_numbers([](const auto& numbers, auto run) {
            CHECK(run(weir::contains(2)) == (std::ranges::count(numbers, 2) != 0));
        });
    }

    TEST_CASE("contains allocates nothing per item") { CHECK(support::sink_allocations(weir::contains(-1)) == 0); }
}

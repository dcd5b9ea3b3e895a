// SPDX-License-Identifier: MIT
#include <weir/source/empty.hpp>

#include <doctest/doctest.h>

#include <weir/testing/marbles.hpp>

TEST_SUITE("source/empty") {
    TEST_CASE("empty ends at once") {
        weir::testing::marbles m;
        CHECK(m.play(weir::empty<int>()) == "|");
    }
}

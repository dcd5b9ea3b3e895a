// SPDX-License-Identifier: MIT
#include <weir/operators/fail_after.hpp>

#include <doctest/doctest.h>

#include <stdexcept>

#include <unchanged.hpp>

#include <weir/core/limit_exceeded.hpp>
#include <weir/operators/take.hpp>
#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>

using namespace weir::testing;

TEST_SUITE("operators/fail_after") {
    TEST_CASE("fail_after fails at the item after the n-th, and not at an end or an error there") {
        marbles m;
        CHECK(m.play(m.cold("-a-b-c|") | weir::fail_after(2)) == "-a-b-#");
        CHECK(m.play(m.cold("-a-b-|") | weir::fail_after(2)) == "-a-b-|");
        CHECK(m.play(m.cold("-a-#") | weir::fail_after(1)) == "-a-#");
        CHECK(m.play(m.cold("a|") | weir::fail_after(0)) == "#");
        CHECK(m.play(m.cold("|") | weir::fail_after(0)) == "|");
        CHECK(m.play(m.cold("-a-b-c|") | weir::fail_after(2) | weir::take(2)) == "-a-[b|]");
        virtual_executor ex;
        CHECK_THROWS_WITH_AS(ex.run(weir::iota(0) | weir::fail_after(2) | weir::drain()),
                             "weir::fail_after: more than 2 items", weir::limit_exceeded);
        CHECK_THROWS_WITH_AS(weir::fail_after(-1), "weir::fail_after(n): n is negative", std::invalid_argument);
    }

    TEST_CASE("fail_after passes as many items as it allows") {
        support::check_unchanged([] { return weir::fail_after(10'000); });
    }

    TEST_CASE("fail_after keeps the contract of a stream when it fails") {
        CHECK(check_contract([] { return weir::fail_after(3); },
                             {.passes_errors = false, .ends_with_upstream = false}) == "");
    }
}

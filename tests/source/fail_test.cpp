// SPDX-License-Identifier: MIT
#include <weir/source/fail.hpp>

#include <doctest/doctest.h>

#include <weir/sink/drain.hpp>
#include <weir/testing/marbles.hpp>

using weir::testing::virtual_executor;

TEST_SUITE("source/fail") {
    TEST_CASE("fail fails at its first poll") {
        weir::testing::marbles m;
        CHECK(m.play(weir::fail<int>(std::runtime_error{"no"})) == "#");
    }

    TEST_CASE("fail keeps the type of an error that is given as an object or as an exception_ptr") {
        virtual_executor ex;
        CHECK_THROWS_AS(ex.run(weir::fail<int>(std::out_of_range{"no"}) | weir::drain()), std::out_of_range);
        CHECK_THROWS_AS(ex.run(weir::fail<int>(7) | weir::drain()), int);
        const auto error = std::make_exception_ptr(std::out_of_range{"no"});
        CHECK_THROWS_AS(ex.run(weir::fail<int>(error) | weir::drain()), std::out_of_range);
    }

    TEST_CASE("fail rejects a null exception_ptr when the pipeline is built") {
        CHECK_THROWS_WITH_AS(static_cast<void>(weir::fail<int>(std::exception_ptr{})),
                             "weir::fail(error): error is null", std::invalid_argument);
    }
}

// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <doctest/doctest.h>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/sink/drain.hpp>
#include <weir/sink/to.hpp>
#include <weir/source/fail.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

/// Operators on the error of their upstream: map_error, on_error_complete and on_error_return.
namespace support {

/// What is thrown by a pipeline over an upstream that fails with an error.
template <class Error, class Operator>
std::string error_of(Error error, Operator op) {
    weir::testing::virtual_executor ex;
    try {
        ex.run(weir::fail<int>(std::move(error)) | std::move(op) | weir::drain());
    } catch (const std::exception& e) {
        return e.what();
    }
    return "none";
}

/// Upstream must be gone when the value that stands for its error arrives, or a function is called for the error.
/// `make` constructs a pipeline from upstream and a function that looks.
template <class Make>
void check_order(Make make, std::vector<int> expected) {
    weir::testing::virtual_executor ex;
    weir::testing::probe<int> source;
    source.fail(std::make_exception_ptr(std::runtime_error{"up"}));
    bool dropped_before = false;
    const auto look = [&](auto x) {
        dropped_before = source.dropped();
        return x;
    };
    CHECK(ex.run(make(source.stream(), look) | weir::to<std::vector>()) == expected);
    CHECK(dropped_before);
}

/// Checks that an operator on errors leaves a stream without an error as it is.
/// @param make  returns the operator for an item that stands for an error, if it takes one
template <class Make>
void check_without_errors(Make make) {
    for (const char* diagram : {"|", "--|", "a|", "a-b-c|", "a-[bc]-|", "[abc|]", "a-b..."}) {
        weir::testing::marbles m;
        CHECK(m.play(m.hot(diagram) | make('x')) == diagram);
    }
    std::mt19937 random{1};
    for (int i = 0; i != 200; ++i) {
        const auto items = random_numbers(random, 6, 1, 4);
        CHECK(arrive_at_random(random, items, make(9)) == items);
    }
    CHECK(allocations_for_more_items([&](int n) {
              weir::testing::virtual_executor ex;
              ex.run(weir::iota(0, n) | make(9) | weir::drain());
          }) == 0);
}

} // namespace support

// SPDX-License-Identifier: MIT
#pragma once

#include <random>

#include <doctest/doctest.h>

#include <allocations.hpp>
#include <arrivals.hpp>

#include <weir/sink/drain.hpp>
#include <weir/source/iota.hpp>
#include <weir/testing/contract.hpp>
#include <weir/testing/marbles.hpp>
#include <weir/testing/virtual_executor.hpp>

namespace support {

/// Checks an operator with arguments that make it pass its upstream as it is: marbles, items that arrive at random
/// against the same items, allocations, and the contract of a stream.
/// @param make  returns the operator, which accepts items of any type
template <class Make>
void check_unchanged(Make make, weir::testing::contract_options options = {}) {
    for (const char* diagram : {"|", "#", "--|", "a|", "a-b-c|", "a-[bc]-#", "[abc|]", "[abc#]", "a-b..."}) {
        weir::testing::marbles m;
        CHECK(m.play(m.hot(diagram) | make()) == diagram);
    }
    std::mt19937 random{1};
    for (int i = 0; i != 200; ++i) {
        const auto items = random_numbers(random, 6, 1, 4);
        CHECK(arrive_at_random(random, items, make()) == items);
    }
    CHECK(allocations_for_more_items([&](int n) {
              weir::testing::virtual_executor ex;
              ex.run(weir::iota(0, n) | make() | weir::drain());
          }) == 0);
    CHECK(weir::testing::check_contract(make, options) == "");
}

} // namespace support

// SPDX-License-Identifier: MIT
#include <weir/sink/max.hpp>

#include <doctest/doctest.h>

#include <extreme_sink.hpp>
#include <range/v3/algorithm/max_element.hpp>

namespace {

struct max_item {
    static constexpr const auto& sink = weir::max;
    static constexpr const auto& algorithm = ranges::max_element;
    static constexpr bool of_greater = true;
};

} // namespace

TEST_SUITE("sink/max") {
    TEST_CASE("max does what its documentation says") { support::check_extreme_sink<max_item>(); }
}

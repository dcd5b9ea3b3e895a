// SPDX-License-Identifier: MIT
#include <weir/sink/min.hpp>

#include <doctest/doctest.h>

#include <extreme_sink.hpp>
#include <range/v3/algorithm/min_element.hpp>

namespace {

struct min_item {
    static constexpr const auto& sink = weir::min;
    static constexpr const auto& algorithm = ranges::min_element;
    static constexpr bool of_greater = false;
};

} // namespace

TEST_SUITE("sink/min") {
    TEST_CASE("min does what its documentation says") { support::check_extreme_sink<min_item>(); }
}

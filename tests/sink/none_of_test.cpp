// SPDX-License-Identifier: MIT
#include <weir/sink/none_of.hpp>

#include <doctest/doctest.h>

#include <predicate_sink.hpp>
#include <range/v3/algorithm/none_of.hpp>

namespace {

struct none_of_items {
    static constexpr const auto& sink = weir::none_of;
    static constexpr const auto& algorithm = ranges::none_of;
    static constexpr bool deciding = true;
    static constexpr bool decided = false;
};

} // namespace

TEST_SUITE("sink/none_of") {
    TEST_CASE("none_of does what its documentation says") { support::check_predicate_sink<none_of_items>(); }
}

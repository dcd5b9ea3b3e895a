// SPDX-License-Identifier: MIT
#include <weir/sink/any_of.hpp>

#include <doctest/doctest.h>

#include <predicate_sink.hpp>
#include <range/v3/algorithm/any_of.hpp>

namespace {

struct any_of_items {
    static constexpr const auto& sink = weir::any_of;
    static constexpr const auto& algorithm = ranges::any_of;
    static constexpr bool deciding = true;
    static constexpr bool decided = true;
};

} // namespace

TEST_SUITE("sink/any_of") {
    TEST_CASE("any_of does what its documentation says") { support::check_predicate_sink<any_of_items>(); }
}

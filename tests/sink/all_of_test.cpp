// SPDX-License-Identifier: MIT
#include <weir/sink/all_of.hpp>

#include <doctest/doctest.h>

#include <predicate_sink.hpp>
#include <range/v3/algorithm/all_of.hpp>

namespace {

struct all_of_items {
    static constexpr const auto& sink = weir::all_of;
    static constexpr const auto& algorithm = ranges::all_of;
    static constexpr bool deciding = false;
    static constexpr bool decided = false;
};

} // namespace

TEST_SUITE("sink/all_of") {
    TEST_CASE("all_of does what its documentation says") { support::check_predicate_sink<all_of_items>(); }
}

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/operators/timeout.hpp>

namespace weir {

struct timeout_first_fn : detail::operator_fn<timeout_first_fn> {
    template <class S, class D>
    using pipeline = timeout_stream<S, detail::first_pull_time_limit>;

    constexpr auto operator()(duration d) const {
        return with(detail::not_negative(d, "weir::timeout_first(d): d is negative"));
    }
};

/// timeout_first(d): fails with timed_out when the consumer has waited longer than d for the first item. The items
/// after it have no time limit.
///
///     in                ----a----------b--|
///     timeout_first(5)  ----a----------b--|
///     timeout_first(3)  ---#
///
/// An item that is ready in the turn in which the time runs out is delivered.
///
/// Ends: with upstream.
/// Errors: upstream's; timed_out, after upstream has been destroyed.
/// Cost: no allocation; an item that is ready costs no timer.
/// See: timeout, timeout_total.
///
/// @throws std::invalid_argument when d is negative
inline constexpr timeout_first_fn timeout_first{};

} // namespace weir

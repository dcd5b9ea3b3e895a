// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/take_until.hpp>

namespace weir {

struct take_for_fn : detail::operator_fn<take_for_fn> {
    template <stream S>
    static constexpr auto attach(S left, duration d) {
        return take_until_stream<S, detail::sleep_for_operation>(std::move(left), sleep_for(d));
    }

    constexpr auto operator()(duration d) const {
        return with(detail::not_negative(d, "weir::take_for(d): d is negative"));
    }
};

/// take_for(d): the items that arrive within d from the first poll, then the end. It is take_until(sleep_for(d)).
///
///     in           a--b--c--d--|
///     take_for(5)  a--b-|
///
/// Ends: after d, or with upstream; upstream is destroyed first. Errors: upstream's.
/// Cost: no allocation; no item held; one timer.
/// See: take_until, skip_for, timeout_total, which fails.
///
/// @throws std::invalid_argument when d is negative
inline constexpr take_for_fn take_for{};

} // namespace weir

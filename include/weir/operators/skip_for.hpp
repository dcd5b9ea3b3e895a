// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/skip_until.hpp>

namespace weir {

struct skip_for_fn : detail::operator_fn<skip_for_fn> {
    template <stream S>
    static constexpr auto attach(S left, duration d) {
        return skip_until_stream<S, detail::sleep_for_operation>(std::move(left), sleep_for(d));
    }

    constexpr auto operator()(duration d) const {
        return with(detail::not_negative(d, "weir::skip_for(d): d is negative"));
    }
};

/// skip_for(d): the items that arrive later than d from the first poll. It is skip_until(sleep_for(d)).
///
///     in           a--b--c--d--|
///     skip_for(5)  ------c--d--|
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: no allocation; no item held; one timer.
/// See: skip_until, take_for, delay_start, which does not poll upstream meanwhile.
///
/// @throws std::invalid_argument when d is negative
inline constexpr skip_for_fn skip_for{};

} // namespace weir

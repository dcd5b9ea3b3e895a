// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/operators/take_until.hpp>

namespace weir {

namespace detail {

/// Fails when a duration has passed since the first poll.
class total_time_limit {
public:
    using result_type = unit;

    explicit total_time_limit(duration d) noexcept : d_{d}, passed_{d} {}

    poll<unit> poll_result(context& cx) {
        if (passed_.poll_result(cx).is_pending()) return pending;
        throw timed_out{"weir::timeout_total: the stream has not ended", d_};
    }

private:
    duration d_;
    sleep_for_operation passed_;
};

} // namespace detail

struct timeout_total_fn : detail::operator_fn<timeout_total_fn> {
    template <stream S>
    static constexpr auto attach(S left, duration d) {
        return take_until_stream<S, detail::total_time_limit>(std::move(left), detail::total_time_limit{d});
    }

    constexpr auto operator()(duration d) const {
        return with(detail::not_negative(d, "weir::timeout_total(d): d is negative"));
    }
};

/// timeout_total(d): fails with timed_out when upstream has not ended within d from the first poll.
///
///     in                a--b--c--d--|
///     timeout_total(7)  a--b--c#
///
/// The time counts whether or not the consumer is busy. No item is delivered after it.
///
/// Ends: with upstream.
/// Errors: upstream's; timed_out, after upstream has been destroyed.
/// Cost: no allocation; no item held; one timer.
/// See: timeout, timeout_first, take_for, with_timeout for operations.
///
/// @throws std::invalid_argument when d is negative
inline constexpr timeout_total_fn timeout_total{};

} // namespace weir

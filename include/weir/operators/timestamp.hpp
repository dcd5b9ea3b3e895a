// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/operators/detail/stamped_stream.hpp>

namespace weir {

namespace detail {

class time_of_arrival {
public:
    using value_type = time_point;

    void start(time_point) const noexcept {}
    time_point next(time_point now) const noexcept { return now; }
};

} // namespace detail

template <stream S>
using timestamp_stream = detail::stamped_stream<S, detail::time_of_arrival>;

struct timestamp_fn : detail::operator_fn<timestamp_fn> {
    template <class S>
    using pipeline = timestamp_stream<S>;
};

/// timestamp(): each item with the time at which the consumer received it, as a pair.
///
///     in           --a-----b--|
///     timestamp()  --(2a)--(8b)--|
///
/// The time is a time_point of the executor's clock, which it reads once per turn.
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: no allocation; no item held.
/// See: elapsed, enumerate, meter.
inline constexpr timestamp_fn timestamp{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/operators/detail/stamped_stream.hpp>

namespace weir {

namespace detail {

class time_since_last {
public:
    using value_type = duration;

    void start(time_point now) noexcept { last_ = now; }
    duration next(time_point now) noexcept { return now - std::exchange(last_, now); }

private:
    time_point last_{};
};

} // namespace detail

template <stream S>
using elapsed_stream = detail::stamped_stream<S, detail::time_since_last>;

struct elapsed_fn : detail::operator_fn<elapsed_fn> {
    template <class S>
    using pipeline = elapsed_stream<S>;
};

/// elapsed(): each item with the time since the item before it, or since the first poll, as a pair.
///
///     in         --a-----b--|
///     elapsed()  --(2a)--(6b)--|
///
/// The time is a duration by the executor's clock, which it reads once per turn: items of one turn are 0 apart.
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: no allocation; no item held.
/// See: timestamp, pairwise.
inline constexpr elapsed_fn elapsed{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

namespace detail {

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] deadline_operation {
public:
    using result_type = time_point;

    poll<time_point> poll_result(context& cx) const noexcept { return cx.deadline; }
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] remaining_operation {
public:
    using result_type = duration;

    poll<duration> poll_result(context& cx) const noexcept {
        if (cx.deadline == time_point::max()) return duration::max();
        return std::max(cx.deadline - cx.executor().now(), duration::zero());
    }
};

} // namespace detail

/// `co_await deadline()`: the time at which the caller gives up on this request; time_point::max() without a deadline.
///
/// with_deadline, with_timeout and task groups set it for everything that starts inside them: tasks, generators, the
/// operations of map_async and when_all. Work that was started for one request and is kept for another, such as an
/// unfinished pull of a stream, keeps the deadline with which it started.
inline detail::deadline_operation deadline() noexcept { return {}; }

/// `co_await remaining()`: the time until the deadline; zero when it has passed, duration::max() without a deadline.
///
///     if (co_await weir::remaining() < 50ms) co_return cached;     // no time to ask again
inline detail::remaining_operation remaining() noexcept { return {}; }

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <limits>
#include <stdexcept>
#include <string>

#include <weir/core/time.hpp>

namespace weir {

/// Thrown by a bulkhead, a rate limiter or a concurrency limit that refuses a request: its queue is full, or the
/// request has waited for `queue_limits::max_wait`. The work was not started, so that it can be tried again later or
/// elsewhere.
class overloaded : public std::runtime_error {
public:
    explicit overloaded(const std::string& what) : std::runtime_error{what} {}
};

/// Limits of the queue before a limiter. A request fails with `overloaded` when the queue is full, or after max_wait in
/// it.
struct queue_limits {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    std::size_t max_queued = unlimited;
    duration max_wait = duration::max();
};

} // namespace weir

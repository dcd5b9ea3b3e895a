// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/detail/arguments.hpp>
#include <weir/resilience/concurrency_limit.hpp>

namespace weir {

/// Limits how many operations run at the same time and how many may wait, so that one slow service cannot take all
/// resources.
///
///     weir::bulkhead database{10, {.max_queued = 20, .max_wait = 1s}};
///     auto rows = co_await database.run(query(sql));     // or throws overloaded
///
/// A concurrency_limit with other defaults: as in Polly and Resilience4j, no operation waits unless the queue limits
/// allow it.
///
/// Errors: overloaded when it is full, or after max_wait in the queue; those of the operations.
/// See: concurrency_limit, circuit_breaker, rate_limiter.
class bulkhead : public concurrency_limit {
public:
    /// @param most  the maximum number of running operations, > 0
    /// @throws std::invalid_argument when most is less than 1, or waiting.max_wait is negative
    template <std::integral N>
    explicit bulkhead(N most, queue_limits waiting = {.max_queued = 0})
        : concurrency_limit{detail::at_least_one(most, "weir::bulkhead: the limit must be at least 1"), waiting,
                            "weir::bulkhead"} {}
};

} // namespace weir

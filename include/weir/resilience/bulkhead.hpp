// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/detail/arguments.hpp>
#include <weir/resilience/concurrency_limit.hpp>

namespace weir {

/// Keeps one thing that is slow or stuck from taking all there is: so many run at once, and so many wait.
///
///     weir::bulkhead database{10, {.max_queued = 20, .max_wait = 1s}};
///     auto rows = co_await database.run(query(sql));     // or throws overloaded
///
/// A concurrency_limit by other defaults: nobody waits unless the queue limits say so, as Polly and Resilience4j have
/// it. Whoever comes when it is full is turned away with `overloaded`; so is who has waited for max_wait.
class bulkhead : public concurrency_limit {
public:
    /// @param most  how many at once, > 0
    /// @throws std::invalid_argument when that is less than 1, or waiting.max_wait is negative
    template <std::integral N>
    explicit bulkhead(N most, queue_limits waiting = {.max_queued = 0})
        : concurrency_limit{detail::at_least_one(most, "weir::bulkhead: the limit must be at least 1"), waiting,
                            "weir::bulkhead"} {}
};

} // namespace weir

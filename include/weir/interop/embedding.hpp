// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// Runs an executor inside another event loop, on the thread of that loop.
///
///     weir::executor ex;
///     weir::embedding weirs{ex};
///     pollfd ready{weirs.descriptor(), POLLIN, 0};
///     for (;;) {
///         weirs.run();
///         poll(&ready, 1, weirs.timeout());
///     }
///
/// The other loop calls `run` when the descriptor is readable, when the time that `run` has returned has come, and
/// after it has itself spawned, woken or dropped something of the executor. A call that comes early does no harm.
///
/// Threads: all members belong to the thread of the loop. Other threads reach the executor as always: `post`, `stop`,
/// `spawn_on` and the like make the descriptor readable.
/// Limits: between two calls no thread runs the executor. executor::run waits, and is not for use in such a loop.
class embedding {
public:
    /// The executor must outlive this object.
    /// @throws std::logic_error when the executor has no descriptor, as under virtual time
    explicit embedding(executor& ex);

    /// For poll(2), epoll and other loops: readable, level-triggered, when there is something to do. It stays the
    /// executor's.
    int descriptor() const noexcept { return descriptor_; }

    /// Runs what is ready, for a bounded number of turns, and waits for nothing. Returns the time at which it must be
    /// called again unless the descriptor is readable before: time_point::max() for never, now for at once. With timers
    /// that are far away it may be earlier than the next of them.
    /// @throws std::logic_error when an executor is already running on this thread; std::system_error when the backend
    ///         fails
    time_point run();

    /// What is left of that time in milliseconds, rounded up; -1 for never. The last argument of poll(2).
    int timeout() const noexcept;

private:
    executor& ex_;
    int descriptor_;
    time_point next_{};
};

} // namespace weir

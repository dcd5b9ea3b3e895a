// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <memory>

namespace weir {
class executor;
class waker;
} // namespace weir

namespace weir::detail {

/// Is called around each run of a waker. An executor may have several.
class run_observer {
public:
    /// The wakers of a turn are going to run.
    virtual void turn_begins() noexcept = 0;
    virtual void runs(waker& next) noexcept = 0;
    /// The waker may have been destroyed. An observer that was added meanwhile has not seen `runs`.
    virtual void ran() noexcept = 0;

protected:
    ~run_observer() = default;
};

/// Adds an observer, which must be removed before the executor's end.
/// @throws std::logic_error when the executor is a simulation that tries orders of wakes
void observe_runs(executor& ex, run_observer& one);
void stop_observing(executor& ex, run_observer& one) noexcept;

/// Keeps a trace until the end of the executor.
void keep_trace(executor& ex, std::shared_ptr<void> trace);

} // namespace weir::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>

namespace weir {

class waker;

/// Decides which ready waker runs next, and observes each run. The simulation implements it to try orders that the
/// contract allows, and run_watch to measure how long wakers run.
class wake_order {
public:
    /// How many wakers run in this turn, at most.
    virtual std::size_t turn_length(std::size_t most) noexcept = 0;
    /// How many wakers go to the end of the queue before the next one runs.
    virtual std::size_t pass_over() noexcept = 0;
    /// Called before a waker runs.
    virtual void runs(waker& /*next*/) noexcept {}
    /// Called after the waker has run. The waker may have been destroyed.
    virtual void ran() noexcept {}

protected:
    ~wake_order() = default;
};

} // namespace weir

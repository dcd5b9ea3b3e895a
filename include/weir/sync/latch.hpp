// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/sync/event.hpp>

namespace weir {

/// A counter that releases all waiters when it reaches zero. It cannot be reset.
///
///     weir::latch started{4};
///     for (int i = 0; i != 4; ++i) group.spawn(worker(started));    // ... started.count_down();
///     co_await started.wait();
///
/// Errors: waiters get `closed` when the latch is destroyed.
/// Threads: the latch and its waiters belong to one executor.
/// Cost: one allocation per latch, none per wait.
/// See: event, task_group.
class latch {
public:
    /// @param n  the initial count, >= 0
    /// @throws std::invalid_argument
    template <std::integral N>
    explicit latch(N n) : left_{detail::checked_count(n, "weir::latch{n}: n must not be negative")} {
        if (left_ == 0) zero_.set();
    }

    /// @throws std::invalid_argument when n is negative or greater than the count
    template <std::integral N = int>
    void count_down(N n = 1) {
        const std::size_t down = detail::checked_count(n, "weir::latch::count_down(n): n must not be negative");
        if (down > left_) throw std::invalid_argument{"weir::latch::count_down(n): n is more than there is left"};
        left_ -= down;
        if (left_ == 0) zero_.set();
    }

    /// `co_await l.wait()`: waits until the count is zero.
    /// @throws closed when awaited, if the latch is destroyed first
    detail::event_wait_operation wait() const noexcept { return zero_.wait(); }

    /// `co_await l.arrive_and_wait()`: counts down by one at once, and then waits.
    detail::event_wait_operation arrive_and_wait() {
        count_down();
        return wait();
    }

    bool try_wait() const noexcept { return zero_.is_set(); }
    std::size_t left() const noexcept { return left_; }

private:
    std::size_t left_;
    event zero_{event_reset::manual, "weir::latch"};
};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <thread>
#include <utility>

#include <weir/core/time.hpp>

namespace weir::detail {

/// Decides how many turns of its executor a waiting operation tries again before it sleeps.
///
/// Waking a sleeping thread costs both threads much more than a turn. The operation therefore spins for about as long
/// as a sleep takes, as long as what it waits for usually arrives within that time. After longer sleeps the limit is
/// halved. A turn that takes longer than that, because other threads had the processor, is the last one. The caller
/// stores the limit, so that several operations can share one.
class adaptive_spin {
public:
    static constexpr unsigned max_turns = 64;

    /// Selects a wait that sleeps at once.
    struct sleep_at_once {};

    adaptive_spin() noexcept = default;
    explicit adaptive_spin(sleep_at_once) noexcept : asleep_{true} {}

    /// Returns true to try again in the executor's next turn, and false to sleep.
    bool again(unsigned limit, time_point now) noexcept {
        if (asleep_) return false;
        if (turns_ == 0) since_ = now;
        if (turns_ >= limit || now - since_ > short_wait) {
            since_ = now;
            asleep_ = true;
            return false;
        }
        if (++turns_ > first_turns) std::this_thread::yield(); // for the other thread, if both share a processor
        return true;
    }

    bool waited() const noexcept { return turns_ != 0; }

    /// Ends a wait that has succeeded. Returns the limit for the next one.
    unsigned succeeded(unsigned limit, time_point now) noexcept {
        turns_ = 0;
        if (!std::exchange(asleep_, false)) return limit;
        return now - since_ < short_wait ? max_turns : std::max(limit / 2, 1U);
    }

private:
    static constexpr unsigned first_turns = 8; // enough for an answer of a thread that runs already
    static constexpr duration short_wait = std::chrono::microseconds{50};

    time_point since_{}; // when it began to spin, or to sleep
    unsigned turns_ = 0;
    bool asleep_ = false;
};

/// The same for an executor, which waits for replies of other threads to any number of operations.
class expected_replies {
public:
    void expect() noexcept { ++expected_; }
    /// To be called when a reply has arrived.
    void arrived(time_point now) noexcept {
        --expected_;
        limit_ = spin_.succeeded(limit_, now);
    }
    /// To be called when an operation stops waiting for its reply.
    void forget() noexcept { --expected_; }

    /// Returns true when the idle executor must run another turn, and false when it must sleep.
    bool soon(time_point now) noexcept { return expected_ != 0 && spin_.again(limit_, now); }

private:
    adaptive_spin spin_;
    unsigned limit_ = adaptive_spin::max_turns;
    std::size_t expected_ = 0;
};

} // namespace weir::detail

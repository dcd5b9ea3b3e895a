// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <stdexcept>

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/periodic_schedule.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

// GCC 12 finds that the enumerators hide the operators of the same names.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/// What happens to ticks that pass between two polls.
enum class missed_ticks : std::uint8_t {
    skip,  ///< one tick stands for all of them, with the number of the last; the next is due at its regular time
    burst, ///< each of them is an item, without a pause between them
    delay, ///< one tick is an item, and the next is due one period later: the schedule moves
};
#pragma GCC diagnostic pop

/// The stream of ticks.
class [[nodiscard("add a sink and co_await it")]] interval_stream {
public:
    using value_type = std::uint64_t;

    interval_stream(duration period, missed_ticks missed) noexcept : ticks_{period}, missed_{missed} {}

    poll<std::uint64_t> poll_next(context& cx) {
        checker_.check();
        const time_point now = cx.executor().now();
        if (!started_) {
            started_ = true;
            ticks_.start(now);
        }
        if (!ticks_.due(now)) {
            if (!timer_.armed()) timer_.arm(cx.executor(), ticks_.next());
            static_cast<void>(timer_.poll(cx));
            return pending;
        }
        timer_.cancel();
        switch (missed_) {
        case missed_ticks::skip:
            number_ += ticks_.pass(now) - 1;
            break;
        case missed_ticks::burst:
            ticks_.pass_one();
            break;
        case missed_ticks::delay:
            ticks_.start(now);
            break;
        }
        return number_++;
    }

    void outline(stage_outline&) const noexcept {}

private:
    detail::periodic_schedule ticks_;
    deadline_timer timer_;
    std::uint64_t number_ = 0; // the number of the next tick
    missed_ticks missed_;
    bool started_ = false;
    detail::poll_checker checker_;
};

/// interval(period): one tick per period, numbered from 0.
///
///     interval(3)  ---0--1--2--3...
///
/// The first tick is due one period after the first poll, and the others at multiples of the period from there, without
/// drift. By default a consumer that is late receives one tick for all ticks that it missed, with the number of the
/// last of them; `missed_ticks` selects another rule.
///
/// Ends: never. Errors: none.
/// Cost: no allocation; one timer.
/// See: timer, sample.
inline interval_stream interval(duration period, missed_ticks missed = missed_ticks::skip) {
    if (period <= duration::zero())
        throw std::invalid_argument{"weir::interval(period): period must be more than zero"};
    return interval_stream{period, missed};
}

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <stdexcept>

#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/periodic_schedule.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

// GCC 12 finds that the enumerators hide the operators of the same names.
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow"
/// What becomes of the ticks that passed while nobody asked.
enum class missed_ticks : std::uint8_t {
    skip,  ///< one is given for all of them, with the number of the last; the next comes at its time
    burst, ///< all of them are given, without a pause between them
    delay, ///< one is given, and the next comes one period after that: the schedule moves
};
#pragma GCC diagnostic pop

/// Ticks of a clock.
class [[nodiscard("add a sink and co_await it")]] interval_stream {
public:
    using value_type = std::uint64_t;

    interval_stream(duration period, missed_ticks missed) noexcept : ticks_{period}, missed_{missed} {}

    poll<std::uint64_t> poll_next(context& cx) {
        checker_.check();
        const time_point now = cx.executor().now();
        if (!begun_) {
            begun_ = true;
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

private:
    detail::periodic_schedule ticks_;
    deadline_timer timer_;
    std::uint64_t number_ = 0; // of the next tick
    missed_ticks missed_;
    bool begun_ = false;
    detail::poll_checker checker_;
};

/// interval(period): a tick each period, numbered from 0; it does not end.
///
///     interval(3)  ---0--1--2--3...
///
/// The first comes one period after the first poll, and they are due at multiples of the period from there, without
/// drift. A consumer that comes late gets one tick for all that it missed, with the number of the last of them, and the
/// next at its time. With `missed_ticks::burst` it gets each of them, with `missed_ticks::delay` the schedule moves. It
/// never fails.
inline interval_stream interval(duration period, missed_ticks missed = missed_ticks::skip) {
    if (period <= duration::zero())
        throw std::invalid_argument{"weir::interval(period): period must be more than zero"};
    return interval_stream{period, missed};
}

} // namespace weir

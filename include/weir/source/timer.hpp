// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// The stream of one tick.
class [[nodiscard("add a sink and co_await it")]] timer_stream {
public:
    using value_type = std::uint64_t;

    explicit timer_stream(duration d) noexcept : d_{d} {}

    poll<std::uint64_t> poll_next(context& cx) {
        checker_.check();
        if (given_) {
            checker_.ended();
            return done;
        }
        if (!timer_.armed() && !timer_.expired()) {
            if (d_ == duration::zero()) return give();
            timer_.arm(cx.executor(), cx.executor().time_after(d_));
        }
        if (!timer_.poll(cx)) return pending;
        return give();
    }

    void outline(stage_outline&) const noexcept {}

private:
    std::uint64_t give() noexcept {
        given_ = true;
        return 0;
    }

    duration d_;
    deadline_timer timer_;
    bool given_ = false;
    detail::poll_checker checker_;
};

/// timer(d): one tick, 0, after d.
///
///     timer(3)  ---[0|]
///
/// The time counts from the first poll. timer(0) is ready at once.
///
/// Ends: with the tick. Errors: none.
/// Cost: no allocation; one timer.
/// See: interval, sleep_for.
inline timer_stream timer(duration d) { return timer_stream{detail::not_negative(d, "weir::timer(d): d is negative")}; }

} // namespace weir

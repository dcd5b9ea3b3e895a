// SPDX-License-Identifier: MIT
#pragma once

#include <weir/executor/executor.hpp>

namespace weir {

namespace detail {

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] sleep_operation {
public:
    using result_type = unit;

    explicit sleep_operation(time_point until) noexcept : until_{until} {}

    poll<unit> poll_result(context& cx) {
        if (until_ <= cx.executor().now()) return unit{};
        if (!timer_.armed() && !timer_.expired()) timer_.arm(cx.executor(), until_);
        if (timer_.poll(cx)) return unit{};
        return pending;
    }

private:
    time_point until_;
    deadline_timer timer_;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] sleep_for_operation {
public:
    using result_type = unit;

    explicit sleep_for_operation(duration d) noexcept : d_{d} {}

    poll<unit> poll_result(context& cx) {
        if (timer_.expired()) return unit{};
        if (!timer_.armed()) timer_.arm(cx.executor(), cx.executor().time_after(d_));
        if (timer_.poll(cx)) return unit{};
        return pending;
    }

private:
    duration d_;
    deadline_timer timer_;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] yield_operation {
public:
    using result_type = unit;

    poll<unit> poll_result(context& cx) noexcept {
        if (yielded_) return unit{};
        yielded_ = true;
        cx.waker().wake();
        return pending;
    }

private:
    bool yielded_ = false;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] executor_operation {
public:
    using result_type = executor*;

    poll<executor*> poll_result(context& cx) noexcept { return &cx.executor(); }
};

} // namespace detail

/// `co_await sleep_for(d)`: waits until d has passed since the first poll; for zero or less, until the next turn.
inline detail::sleep_for_operation sleep_for(duration d) noexcept { return detail::sleep_for_operation{d}; }

/// `co_await sleep_until(t)`: waits until t; returns at once when t has passed.
inline detail::sleep_operation sleep_until(time_point t) noexcept { return detail::sleep_operation{t}; }

/// `co_await yield()`: goes to the back of the run queue, once.
inline detail::yield_operation yield() noexcept { return {}; }

/// `co_await this_executor()`: the executor on which the coroutine runs.
inline detail::executor_operation this_executor() noexcept { return {}; }

} // namespace weir

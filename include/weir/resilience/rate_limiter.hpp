// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>
#include <weir/resilience/detail/bounded_wait_queue.hpp>
#include <weir/resilience/overloaded.hpp>

namespace weir {

/// A number per period: `rate{100}` is a hundred per second, `rate{6, 1min}` one every ten seconds.
struct rate {
    std::int64_t amount;
    duration period = std::chrono::seconds{1};
};

namespace detail {

/// The tokens of a bucket as a function of time. The computation is exact; only resulting times are rounded.
class token_bucket {
public:
    /// @throws std::invalid_argument when the rate or the burst is out of range
    token_bucket(rate r, std::int64_t burst) : burst_{burst} {
        if (r.amount < 1) throw std::invalid_argument{"weir::rate: amount must be at least 1"};
        if (r.period <= duration::zero()) throw std::invalid_argument{"weir::rate: period is not positive"};
        const auto common = std::gcd(r.amount, r.period.count());
        amount_ = r.amount / common;
        period_ = r.period.count() / common;
        if (amount_ > most / 2 / period_) throw std::invalid_argument{"weir::rate: too fine: give a shorter period"};
    }

    /// The time at which n tokens are available, if none are consumed before; in the past when they are available now.
    time_point due(std::int64_t n) const noexcept { return at(plus(used_ - burst_, n)); }

    /// Consumes n tokens for a new request, if they are available.
    bool try_consume(std::int64_t n, time_point now) noexcept {
        settle(now);
        if (due(n) > now) return false;
        set_used(plus(used_, n));
        return true;
    }
    /// To be called for a new request that will wait: a full bucket starts to count here.
    void settle(time_point now) noexcept {
        if (at(used_) > now) return;
        origin_ = now;
        used_ = 0;
    }

    /// Consumes n tokens for a request that has waited until they were due. A late request does not delay later ones.
    /// Tokens that were missed in the meantime are available up to the size of the bucket.
    void consume_due(std::int64_t n, time_point now) noexcept {
        const std::int64_t ticks = ticks_until(now);
        const std::int64_t left = std::min(std::max(burst_, n), plus(burst_ - used_, ticks)) - n;
        set_used(plus(burst_ - left, ticks));
    }

    void give_back(std::int64_t n) noexcept { used_ = std::max<std::int64_t>(used_ - n, 0); }

private:
    static constexpr std::int64_t most = std::numeric_limits<std::int64_t>::max();

    static std::int64_t plus(std::int64_t a, std::int64_t b) noexcept { return b > 0 && a > most - b ? most : a + b; }
    static std::int64_t times(std::int64_t a, std::int64_t b) noexcept { return a > most / b ? most : a * b; }

    /// The time of the k-th token after the origin.
    time_point at(std::int64_t k) const noexcept {
        if (k <= 0) return origin_;
        const std::int64_t part = (k % amount_ * period_ + amount_ - 1) / amount_;
        const std::int64_t since = plus(times(k / amount_, period_), part);
        return time_point{duration{plus(origin_.time_since_epoch().count(), since)}};
    }
    std::int64_t ticks_until(time_point now) const noexcept {
        const std::int64_t since = (now - origin_).count();
        return plus(times(since / period_, amount_), since % period_ * amount_ / period_);
    }

    void set_used(std::int64_t used) noexcept {
        used_ = used;
        if (used_ < amount_ || used_ - amount_ < burst_) return;
        // By whole periods, which are whole nanoseconds. The origin stays in the past.
        const std::int64_t periods = (used_ - burst_) / amount_;
        origin_ = time_point{duration{plus(origin_.time_since_epoch().count(), times(periods, period_))}};
        used_ -= periods * amount_;
    }

    // One token comes every period_ / amount_ nanoseconds. The bucket is full at origin_ plus used_ times that.
    std::int64_t amount_ = 1;
    std::int64_t period_ = 1;
    std::int64_t burst_;
    time_point origin_{};
    std::int64_t used_ = 0;
};

} // namespace detail

/// A token bucket: limits the number of requests per period.
///
///     weir::rate_limiter limiter{weir::rate{100}, 10};   // 100 a second, and 10 at once after a pause
///     co_await limiter.acquire();
///     co_await limiter.acquire(request.size());          // a request that costs more
///
/// The bucket holds `burst` tokens, is full at the start, and is refilled evenly. A request takes as many tokens as it
/// costs, and waits until they are available. Requests are served in order of arrival, so that a request for many
/// tokens is not starved by requests for few. A request that costs more than the bucket holds waits as if the bucket
/// were large enough (as in the shaping mode of Pekko's throttle).
///
/// The schedule is absolute: a late wake-up does not delay later requests, and tokens that were missed in a long pause
/// are available up to the size of the bucket.
///
/// Errors: overloaded, by the queue limits.
/// Lifetime: cannot be moved after its first use, and must outlive its waiters.
/// See: pace, concurrency_limit.
class rate_limiter {
public:
    class acquire_operation;
    class try_acquire_operation;

    /// @param burst  the size of the bucket in tokens, > 0
    /// @throws std::invalid_argument when the rate, the burst or max_wait is out of range
    template <std::integral N = int>
    explicit rate_limiter(rate r, N burst = 1, queue_limits waiting = {})
        : bucket_{r, whole(detail::at_least_one(burst, "weir::rate_limiter: burst must be at least 1"))},
          waiters_{waiting, "weir::rate_limiter"} {}
    rate_limiter(rate_limiter&&) noexcept = default; // before its first use only

    /// `co_await limiter.acquire()`: waits for its tokens. A dropped request takes none.
    ///
    /// @throws std::invalid_argument when cost is negative; overloaded when awaited
    template <std::integral N = int>
    acquire_operation acquire(N cost = 1);

    /// `co_await limiter.try_acquire()`: returns true when the tokens are available and no request waits. It never
    /// waits.
    /// @throws std::invalid_argument when cost is negative
    template <std::integral N = int>
    try_acquire_operation try_acquire(N cost = 1);

    /// The number of waiting requests.
    std::size_t queued() const noexcept { return waiters_.size(); }

private:
    template <std::integral N>
    static std::int64_t whole(N n) noexcept {
        return std::cmp_greater(n, std::numeric_limits<std::int64_t>::max()) ? std::numeric_limits<std::int64_t>::max()
                                                                             : static_cast<std::int64_t>(n);
    }

    bool acquire_now(std::int64_t cost, time_point now) noexcept {
        return waiters_.empty() && bucket_.try_consume(cost, now);
    }
    inline void enter(acquire_operation& operation, context& cx);
    inline void leave(acquire_operation& operation) noexcept;
    inline void serve() noexcept;

    /// Exists as long as a request waits.
    struct driver {
        detail::member_waker<rate_limiter, &rate_limiter::serve> waker;
        deadline_timer timer;
    };

    detail::token_bucket bucket_;
    detail::bounded_wait_queue waiters_;
    std::optional<driver> driver_;
};

/// See rate_limiter::acquire.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] rate_limiter::acquire_operation
    : private detail::bounded_waiter {
public:
    using result_type = unit;

    acquire_operation(acquire_operation&&) noexcept = default;
    ~acquire_operation() {
        if (state() == detail::wait_state::waiting) limiter_->leave(*this);
        if (state() == detail::wait_state::granted) {
            limiter_->bucket_.give_back(cost_);
            limiter_->serve();
        }
    }

    poll<unit> poll_result(context& cx) {
        if (state() == detail::wait_state::fresh) {
            if (limiter_->acquire_now(cost_, cx.executor().now())) {
                set_state(detail::wait_state::finished);
                return unit{};
            }
            limiter_->enter(*this, cx);
        }
        if (state() == detail::wait_state::granted) {
            set_state(detail::wait_state::finished);
            return unit{};
        }
        if (limiter_->waiters_.keep_waiting(*this, cx)) return pending;
        limiter_->leave(*this);
        throw limiter_->waiters_.waited_too_long();
    }

private:
    friend class rate_limiter;

    acquire_operation(rate_limiter& limiter, std::int64_t cost) noexcept : limiter_{&limiter}, cost_{cost} {}

    rate_limiter* limiter_;
    std::int64_t cost_;
};

/// See rate_limiter::try_acquire.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] rate_limiter::try_acquire_operation {
public:
    using result_type = bool;

    poll<bool> poll_result(context& cx) noexcept { return limiter_->acquire_now(cost_, cx.executor().now()); }

private:
    friend class rate_limiter;

    try_acquire_operation(rate_limiter& limiter, std::int64_t cost) noexcept : limiter_{&limiter}, cost_{cost} {}

    rate_limiter* limiter_;
    std::int64_t cost_;
};

template <std::integral N>
rate_limiter::acquire_operation rate_limiter::acquire(N cost) {
    return {*this, whole(detail::checked_count(cost, "weir::rate_limiter::acquire(cost): cost is negative"))};
}

template <std::integral N>
rate_limiter::try_acquire_operation rate_limiter::try_acquire(N cost) {
    return {*this, whole(detail::checked_count(cost, "weir::rate_limiter::try_acquire(cost): cost is negative"))};
}

inline void rate_limiter::enter(acquire_operation& operation, context& cx) {
    waiters_.enter(operation, cx);
    if (waiters_.size() != 1) return;
    bucket_.settle(cx.executor().now());
    driver_.emplace().waker.bind(*this, cx.waker().queue());
    serve();
}

inline void rate_limiter::leave(acquire_operation& operation) noexcept {
    const bool is_first = &waiters_.front() == &operation;
    waiters_.leave(operation);
    if (is_first) serve();
}

/// Serves the requests that are due, and sets the timer for the next.
inline void rate_limiter::serve() noexcept {
    while (!waiters_.empty()) {
        executor& ex = driver_->waker.queue().owner();
        const std::int64_t cost = static_cast<acquire_operation&>(waiters_.front()).cost_;
        const time_point due = bucket_.due(cost);
        if (due > ex.now()) {
            driver_->timer.arm(ex, due);
            context cx{driver_->waker};
            static_cast<void>(driver_->timer.poll(cx));
            return;
        }
        bucket_.consume_due(cost, ex.now());
        waiters_.grant_front();
    }
    driver_.reset();
}

} // namespace weir

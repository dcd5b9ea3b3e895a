// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <source_location>
#include <stdexcept>
#include <utility>
#include <variant>
#include <vector>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/lazy_operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// Thrown when a circuit breaker does not let a call through.
class circuit_open : public std::runtime_error {
public:
    explicit circuit_open(duration until_half_open);

    /// The time until it lets probes through; zero when it does now and the maximum number of probes is running.
    duration until_half_open() const noexcept { return until_half_open_; }

private:
    duration until_half_open_;
};

enum class circuit : std::uint8_t {
    closed,    ///< calls go through and are counted
    open,      ///< calls fail with circuit_open
    half_open, ///< some calls go through as probes
};

/// A change of a circuit breaker's state.
struct circuit_change {
    circuit from;
    circuit to;
    time_point when;

    friend bool operator==(const circuit_change&, const circuit_change&) = default;
};

/// A window of the last n finished calls.
struct last_calls {
    std::size_t n = 100;
};
/// A window of the calls that finished within the last d. It moves in steps of a tenth of d.
struct last_period {
    duration d = std::chrono::seconds{10};
};

struct circuit_breaker_options {
    /// The calls from which the rates are computed.
    std::variant<last_calls, last_period> window = last_calls{};
    /// The minimum number of calls in the window; with fewer it stays closed.
    std::size_t min_calls = 10;
    /// The rate of failed calls at which it opens, in (0, 1].
    double failure_rate = 0.5;
    /// A call that takes longer is slow, whether or not it fails.
    duration slow_after = duration::max();
    /// The rate of slow calls at which it opens, in (0, 1].
    double slow_rate = 1;
    /// The time in the open state.
    duration open_for = std::chrono::seconds{30};
    /// The number of calls that it lets through when it is half open.
    std::size_t probes = 1;
    /// Returns whether an error is a failure. Other errors count as successes. By default every error is a failure.
    std::function<bool(std::exception_ptr)> is_failure = {};
    /// Called after every change of state.
    std::function<void(const circuit_change&)> on_change = {};
};

namespace detail {

/// The counts of recent calls.
class call_window {
public:
    explicit call_window(const std::variant<last_calls, last_period>& what);

    struct counts {
        std::size_t calls = 0;
        std::size_t failures = 0;
        std::size_t slow = 0;
    };

    void add(bool failed, bool slow, time_point now) noexcept;
    void clear() noexcept;
    const counts& total() const noexcept { return total_; }

private:
    void advance() noexcept;
    void advance_to(time_point now) noexcept;

    std::vector<counts> slices_; // a ring of calls, or of parts of the period
    std::size_t at_ = 0;
    duration slice_; // zero when each slice is one call
    time_point slice_ends_{};
    counts total_;
};

} // namespace detail

/// Stops calls to a service that fails. After too many failures calls fail at once with circuit_open, until some time
/// has passed and a few calls have succeeded.
///
///     weir::circuit_breaker breaker{{.window = weir::last_period{10s}, .open_for = 5s}};
///     auto page = co_await breaker.run([&] { return fetch(url); });
///
/// The states are those of Resilience4j. A closed breaker opens when the window holds at least min_calls and
/// failure_rate of them have failed, or slow_rate of them were slow. An open breaker becomes half open with the first
/// call after open_for. A half-open breaker lets `probes` calls through and refuses the others; when the probes have
/// finished it closes or opens again by the same rates. A probe that does not end keeps it half open: give it a time
/// limit.
///
/// A dropped call is not counted, and a dropped probe makes room for another. A call that ends in another state than it
/// started in is not counted either (as in Sony's gobreaker).
///
/// Errors: circuit_open; those of the calls. An exception of on_change goes to executor::report, with the place where
/// the breaker was constructed.
/// Lifetime: cannot be moved, and must outlive its calls.
/// See: retry, bulkhead.
class circuit_breaker {
public:
    template <detail::runnable A>
    class run_operation;

    /// @throws std::invalid_argument when an option is out of range
    explicit circuit_breaker(circuit_breaker_options options = {},
                             std::source_location place = std::source_location::current());
    circuit_breaker(const circuit_breaker&) = delete;
    circuit_breaker& operator=(const circuit_breaker&) = delete;

    /// The state after the last call.
    circuit state() const noexcept { return state_; }

    /// `co_await breaker.run(operation)`: the operation's result. A function that returns the operation may be passed
    /// instead; it is called when the breaker lets the call through.
    /// @throws circuit_open when awaited; the operation's errors
    template <class A>
    auto run(A operation);

private:
    /// Numbers the periods in the closed or half-open state; 0 for none.
    using era = std::uint64_t;

    /// Becomes half open if open_for has passed.
    void look(executor& ex) noexcept;
    /// @throws circuit_open
    era admit(time_point now);
    void ended(era started_in, bool failed, duration took, executor& ex) noexcept;
    void dropped(era started_in) noexcept;
    bool is_failure(const std::exception_ptr& error) const;

    bool too_bad(const detail::call_window::counts& calls) const noexcept;
    void change(circuit to, executor& ex) noexcept;

    circuit_breaker_options options_;
    std::source_location place_;
    circuit state_ = circuit::closed;
    era era_ = 1;
    detail::call_window window_;
    time_point half_opens_{};
    std::size_t probes_started_ = 0; // without the dropped ones
    detail::call_window::counts probes_;
};

/// See circuit_breaker::run.
template <detail::runnable A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] circuit_breaker::run_operation {
public:
    using result_type = typename detail::lazy_operation<A>::result_type;

    run_operation(run_operation&& other) noexcept : breaker_{other.breaker_}, operation_(std::move(other.operation_)) {
        WEIR_ASSERT(other.era_ == 0, "moved after its first poll");
    }
    ~run_operation() {
        operation_.reset();
        if (era_ != 0) breaker_->dropped(era_);
    }

    poll<result_type> poll_result(context& cx) {
        if (era_ == 0) {
            breaker_->look(cx.executor());
            if (cx.stopping()) return cx.yield();
            era_ = breaker_->admit(cx.executor().now());
            started_at_ = cx.executor().now();
        }
        circuit_breaker& breaker = *breaker_;
        try {
            auto result = operation_.poll_result(cx);
            if (result.is_pending()) return pending;
            operation_.reset();
            breaker.ended(std::exchange(era_, 0), false, cx.executor().now() - started_at_, cx.executor());
            return result;
        } catch (...) {
            const bool failed = breaker.is_failure(std::current_exception());
            operation_.reset();
            breaker.ended(std::exchange(era_, 0), failed, cx.executor().now() - started_at_, cx.executor());
            throw;
        }
    }

private:
    friend class circuit_breaker;

    run_operation(circuit_breaker& breaker, A operation) : breaker_{&breaker}, operation_(std::move(operation)) {}

    circuit_breaker* breaker_;
    detail::lazy_operation<A> operation_;
    era era_ = 0; // set while the call runs
    time_point started_at_{};
};

template <class A>
auto circuit_breaker::run(A operation) {
    if constexpr (detail::runnable<A>) {
        return run_operation<A>{*this, std::move(operation)};
    } else {
        static_assert(detail::always_false<A>,
                      "weir::circuit_breaker::run(operation): takes a task or another operation, "
                      "or a function that makes one");
    }
}

} // namespace weir

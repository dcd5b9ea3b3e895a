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

/// A circuit breaker did not let a call through.
class circuit_open : public std::runtime_error {
public:
    explicit circuit_open(duration until_half_open);

    /// How long until it lets calls through to see how things are; zero when it does that now, with as many as it may.
    duration until_half_open() const noexcept { return until_half_open_; }

private:
    duration until_half_open_;
};

enum class circuit : std::uint8_t {
    closed,    ///< calls go through, and are watched
    open,      ///< they do not
    half_open, ///< some go through, to see how things are
};

/// A circuit breaker has changed from one state to another.
struct circuit_change {
    circuit from;
    circuit to;
    time_point when;

    friend bool operator==(const circuit_change&, const circuit_change&) = default;
};

/// A window: the last n calls that have ended.
struct last_calls {
    std::size_t n = 100;
};
/// A window: the calls that have ended within the last d, forgotten a tenth of it at a time.
struct last_period {
    duration d = std::chrono::seconds{10};
};

struct circuit_breaker_options {
    /// Which calls are looked at, for the rates.
    std::variant<last_calls, last_period> window = last_calls{};
    /// With fewer than these it stays closed, however many of them have failed.
    std::size_t min_calls = 10;
    /// It opens when so many of them have failed, in (0, 1].
    double failure_rate = 0.5;
    /// A call that takes longer is slow, whether it fails or not.
    duration slow_after = duration::max();
    /// It opens when so many of them were slow, in (0, 1].
    double slow_rate = 1;
    /// How long it stays open.
    duration open_for = std::chrono::seconds{30};
    /// How many calls it lets through when it is half open.
    std::size_t probes = 1;
    /// Which errors are failures; all where it is empty. Others are an answer like any other: a success.
    std::function<bool(std::exception_ptr)> is_failure = {};
    /// Hears of every change.
    std::function<void(const circuit_change&)> on_change = {};
};

namespace detail {

/// How calls have ended lately.
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

    std::vector<counts> slices_; // a ring: of calls, or of parts of the period
    std::size_t at_ = 0;
    duration slice_; // zero where each is one call
    time_point slice_ends_{};
    counts total_;
};

} // namespace detail

/// Stops calling what fails: after too many failures calls fail at once, with circuit_open, until some time has passed
/// and a few calls have shown that it works again.
///
///     weir::circuit_breaker breaker{{.window = weir::last_period{10s}, .open_for = 5s}};
///     auto page = co_await breaker.run([&] { return fetch(url); });
///
/// Closed, it opens when of the calls in the window, which are at least min_calls, failure_rate or more have failed, or
/// slow_rate or more were slow. Open, it becomes half open with the first call after open_for. Half open, it lets
/// `probes` calls through and turns the others away; when they have ended it closes, or opens again, by the same rates.
/// All as Resilience4j has it. A probe that does not end keeps it half open: give it a timeout.
///
/// A call that is dropped counts for nothing, and a probe that is dropped makes room for another. A call that ends in
/// another state than it began in counts for nothing either (as in Sony's gobreaker).
///
/// on_change is called when the change has been made; an exception that leaves it goes to executor::report, as from
/// where the breaker was made.
///
/// Lifetime: stays where it is, longer than what it runs.
class circuit_breaker {
public:
    template <detail::runnable A>
    class run_operation;

    /// @throws std::invalid_argument when the options make no sense
    explicit circuit_breaker(circuit_breaker_options options = {},
                             std::source_location place = std::source_location::current());
    circuit_breaker(const circuit_breaker&) = delete;
    circuit_breaker& operator=(const circuit_breaker&) = delete;

    /// As of the last call.
    circuit state() const noexcept { return state_; }

    /// `co_await breaker.run(operation)`: its result. It may also be given as a function that makes it, which is called
    /// when the breaker lets it through.
    /// @throws circuit_open when awaited; what the operation throws
    template <class A>
    auto run(A operation);

private:
    /// Which of the times that it was closed, or half open; none is 0.
    using era = std::uint64_t;

    /// Becomes half open if it is time for that.
    void look(executor& ex) noexcept;
    /// @throws circuit_open
    era admit(time_point now);
    void ended(era begun_in, bool failed, duration took, executor& ex) noexcept;
    void dropped(era begun_in) noexcept;
    bool is_failure(const std::exception_ptr& error) const;

    bool too_bad(const detail::call_window::counts& calls) const noexcept;
    void change(circuit to, executor& ex) noexcept;

    circuit_breaker_options options_;
    std::source_location place_;
    circuit state_ = circuit::closed;
    era era_ = 1;
    detail::call_window window_;
    time_point half_opens_{};
    std::size_t probes_begun_ = 0; // less those that were dropped
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
            began_ = cx.executor().now();
        }
        circuit_breaker& breaker = *breaker_;
        try {
            auto result = operation_.poll_result(cx);
            if (result.is_pending()) return pending;
            operation_.reset();
            breaker.ended(std::exchange(era_, 0), false, cx.executor().now() - began_, cx.executor());
            return result;
        } catch (...) {
            const bool failed = breaker.is_failure(std::current_exception());
            operation_.reset();
            breaker.ended(std::exchange(era_, 0), failed, cx.executor().now() - began_, cx.executor());
            throw;
        }
    }

private:
    friend class circuit_breaker;

    run_operation(circuit_breaker& breaker, A operation) : breaker_{&breaker}, operation_(std::move(operation)) {}

    circuit_breaker* breaker_;
    detail::lazy_operation<A> operation_;
    era era_ = 0; // while it runs
    time_point began_{};
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

// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/time_limit.hpp>
#include <weir/executor/executor.hpp>
#include <weir/resilience/retry_policy.hpp>

namespace weir {

namespace detail {

/// What counts as a failure of an attempt.
enum class failed_by { error, error_or_end };

/// The common part of all forms: creates another attempt when one has failed.
template <class Factory, failed_by Failure>
class retried {
    using attempt_t = std::invoke_result_t<Factory&>;

    template <operation A>
    static poll<typename A::result_type> ask(A& operation, context& cx) {
        return operation.poll_result(cx);
    }
    template <stream S>
    static poll<item_t<S>> ask(S& source, context& cx) {
        return source.poll_next(cx);
    }

    /// Whether an answer ends the attempt: a result, or the end of a stream.
    template <class T>
    static bool is_last(const poll<T>& answer) noexcept {
        return operation<attempt_t> || answer.is_done();
    }

protected:
    retried(Factory factory, retry_policy policy) : factory_(std::move(factory)), backoff_{std::move(policy)} {}

    auto run(context& cx) -> decltype(ask(std::declval<attempt_t&>(), cx)) {
        for (;;) {
            if (waiting_ && !wait_.poll(cx)) return pending;
            waiting_ = false;
            std::exception_ptr error;
            bool ended = false;
            try {
                if (!attempt_) {
                    start_attempt(cx);
                    attempt_.emplace(std::invoke(factory_));
                    if (cx.stopping()) return cx.yield();
                }
                nested_context own{cx, in_row_ ? std::min(cx.deadline, attempt_ends_) : cx.deadline};
                auto answer = ask(*attempt_, own);
                ended = Failure == failed_by::error_or_end && answer.is_done();
                if (!answer.is_pending() && !ended) {
                    if (in_row_) succeeded();
                    if (is_last(answer)) attempt_.reset();
                    return answer;
                }
            } catch (...) {
                error = std::current_exception();
            }
            if (error == nullptr && !ended) {
                if (!limit_ || !limit_->over(cx)) return pending;
                error = std::make_exception_ptr(too_late(cx));
            }
            attempt_.reset();
            limit_.reset();
            if (cx.stopping()) return cx.yield();
            if (!wait_for_next(error, cx)) {
                if (error != nullptr) std::rethrow_exception(std::move(error));
                return done;
            }
        }
    }

private:
    void start_attempt(context& cx) {
        start_row(cx);
        attempt_ends_ = std::min(row_ends_, cx.executor().time_after(backoff_.policy().attempt_timeout));
        if (attempt_ends_ != time_point::max()) limit_.emplace().set(cx.executor(), attempt_ends_);
    }
    void start_row(context& cx) {
        if (in_row_) return;
        in_row_ = true;
        row_ends_ = cx.executor().time_after(backoff_.policy().total_timeout);
    }
    void succeeded() noexcept {
        in_row_ = false;
        limit_.reset();
        backoff_.succeeded();
    }

    timed_out too_late(context& cx) const {
        const retry_policy& policy = backoff_.policy();
        if (row_ends_ <= cx.executor().now()) return {"weir::retry: no success", policy.total_timeout};
        return {"weir::retry: an attempt was not done", policy.attempt_timeout};
    }

    /// @param error  null after an end
    /// @return whether there will be another attempt
    bool wait_for_next(const std::exception_ptr& error, context& cx) {
        start_row(cx);
        if (row_ends_ <= cx.executor().now() || !backoff_.again(error)) return false;
        const time_point next = cx.executor().time_after(backoff_.wait(cx.executor()));
        // An attempt after the wait would have no time left.
        if (next >= std::min(row_ends_, cx.deadline)) return false;
        wait_.arm(cx.executor(), next);
        waiting_ = true;
        return true;
    }

    Factory factory_; // must outlive the coroutines that it returns
    backoff backoff_;
    std::optional<attempt_t> attempt_;
    std::optional<time_limit> limit_; // of the attempt
    time_point attempt_ends_{};
    deadline_timer wait_;
    time_point row_ends_{};
    bool in_row_ = false; // from the first attempt or a failure up to a success
    bool waiting_ = false;
};

} // namespace detail

/// The stream of `retry` for a factory of streams, and that of `restart`.
template <class Factory, detail::failed_by Failure = detail::failed_by::error>
class [[nodiscard("add a sink and co_await it")]] retry_stream : private detail::retried<Factory, Failure> {
public:
    using value_type = item_t<std::invoke_result_t<Factory&>>;

    retry_stream(Factory factory, retry_policy policy)
        : detail::retried<Factory, Failure>{std::move(factory), std::move(policy)} {}

    poll<value_type> poll_next(context& cx) { return this->run(cx); }

    void outline(stage_outline& out) const { out.holds({.inner_streams = 1}); }
};

/// The operation of `retry` for a factory of operations.
template <class Factory>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] retry_operation
    : private detail::retried<Factory, detail::failed_by::error> {
public:
    using result_type = typename std::invoke_result_t<Factory&>::result_type;

    retry_operation(Factory factory, retry_policy policy)
        : detail::retried<Factory, detail::failed_by::error>{std::move(factory), std::move(policy)} {}

    poll<result_type> poll_result(context& cx) { return this->run(cx); }
};

struct retry_fn {
    template <class Factory>
    auto operator()(Factory&& factory, retry_policy policy = {}) const {
        using factory_t = std::remove_cvref_t<Factory>;
        if constexpr (stream<factory_t>) {
            static_assert(detail::always_false<Factory>,
                          "weir::retry(factory): a stream is used once and cannot be tried again; wrap what makes it: "
                          "retry([]{ return ...; })");
        } else if constexpr (operation<factory_t>) {
            static_assert(detail::always_false<Factory>,
                          "weir::retry(factory): an operation runs once and cannot be tried again; wrap what makes it: "
                          "retry([]{ return ...; })");
        } else if constexpr (!std::invocable<factory_t&>) {
            static_assert(detail::always_false<Factory>,
                          "weir::retry(factory): factory cannot be called without arguments; it makes the operation "
                          "or the stream of each attempt: retry([]{ return ...; }, {.attempts = 3})");
        } else if constexpr (detail::gives_stream<factory_t&>) {
            return retry_stream<factory_t>{std::forward<Factory>(factory), std::move(policy)};
        } else if constexpr (detail::returns_operation<factory_t&>) {
            return retry_operation<factory_t>{std::forward<Factory>(factory), std::move(policy)};
        } else {
            static_assert(detail::always_false<Factory>,
                          "weir::retry(factory): factory returns neither a task or another operation, nor a stream");
        }
    }
};

/// retry(factory, policy): runs the operation or the stream that factory returns. When it fails, it is dropped, and
/// factory is called again after a wait, which grows with each failure.
///
///     factory()       1--2--#   3--|
///     retry(factory)  1--2------3--|
///
///     auto page = co_await weir::retry([&] { return fetch(url); }, {.attempts = 5, .attempt_timeout = 2s});
///     weir::retry([] { return follow_feed("wss://example.org"); }, {.attempts = 10, .delay = 1s, .max_delay = 1min})
///
/// An item of a stream ends a row of failures: attempts, waits and the total time start again. Delivered items are not
/// taken back; factory decides where a new attempt starts.
///
/// Ends: with the stream of the present attempt.
/// Errors: that of the last attempt; one for which `policy.when` returns false; one after which there is no time for
/// another attempt, because the wait would reach the end of `policy.total_timeout` or the request's deadline. An
/// attempt that exceeds its time limit fails with timed_out. An exception of factory is a failed attempt; one of
/// `policy.when` or `policy.random` passes. Errors of operators downstream are not retried.
/// Dropped: drops the attempt, or ends the wait.
/// See: hedge, on_error_resume, circuit_breaker.
///
/// @throws std::invalid_argument when the policy is out of range: no attempts, a negative delay, a factor below 1, a
///         max_delay below delay, or a timeout that is not positive
inline constexpr retry_fn retry{};

} // namespace weir

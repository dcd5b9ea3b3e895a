// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/time_limit.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// An operation with a deadline, or with a time limit from its start.
template <operation A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] timed_operation {
public:
    using result_type = typename A::result_type;

    timed_operation(const char* name, time_point until, A operation)
        : name_{name}, operation_{std::move(operation)}, until_{until} {}
    timed_operation(const char* name, duration limit, A operation)
        : name_{name}, operation_{std::move(operation)}, limit_{limit} {}

    poll<result_type> poll_result(context& cx) {
        if (!started_) start(cx.executor());
        try {
            nested_context inner{cx, std::min(cx.deadline, until_)};
            auto result = operation_->poll_result(inner);
            if (result.is_item()) {
                operation_.reset();
                time_.stop();
                return result;
            }
            if (!time_.over(cx)) return pending;
        } catch (...) {
            operation_.reset();
            time_.stop();
            throw;
        }
        operation_.reset();
        throw timed_out{name_, limit_};
    }

    void outline(stage_outline& out) const { out.upstream(operation_); }

private:
    void start(executor& ex) {
        started_ = true;
        if (until_ == time_point::max()) {
            until_ = ex.time_after(limit_);
        } else {
            limit_ = until_ > ex.now() ? until_ - ex.now() : duration::zero();
        }
        if (until_ != time_point::max()) time_.set(ex, until_);
    }

    const char* name_;
    detail::resettable<A> operation_;
    time_point until_ = time_point::max(); // computed from limit_ at the start
    duration limit_ = duration::max();
    detail::time_limit time_;
    bool started_ = false;
};

/// `co_await with_timeout(d, operation)`: returns the operation's result if it is ready within d of the first poll.
/// Otherwise it drops the operation and throws timed_out.
///
///     const auto reply = co_await weir::with_timeout(2s, ask(server));
///
/// A result that is ready in the turn in which the time runs out is returned. Of nested time limits the nearest one is
/// thrown, and is the result of `deadline()` inside.
///
/// Errors: the operation's, and timed_out.
/// Dropped: drops the operation.
/// Cost: no allocation; one timer.
/// See: timeout for streams, deadline, hedge.
///
/// @param d  >= 0
/// @throws std::invalid_argument when d is negative
template <class A>
auto with_timeout(duration d, A operation) {
    if constexpr (stream<A>) {
        static_assert(detail::always_false<A>, "weir::with_timeout(d, operation): takes an operation; end the pipeline "
                                               "with a sink, or put timeout(d) into it");
    } else if constexpr (!weir::operation<A>) {
        static_assert(
            detail::always_false<A>,
            "weir::with_timeout(d, operation): takes a task, a pipeline that ends in a sink, or another operation");
    } else {
        const duration limit = detail::not_negative(d, "weir::with_timeout(d, operation): d is negative");
        return timed_operation<A>{"weir::with_timeout: no result", limit, std::move(operation)};
    }
}

/// `co_await with_deadline(t, operation)`: the same with a point in time. After t it returns only a result that is
/// ready at once.
///
///     const auto by = (co_await weir::this_executor())->time_after(5s);
///     for (const auto& part : parts) co_await weir::with_deadline(by, send(part));
template <class A>
auto with_deadline(time_point t, A operation) {
    if constexpr (stream<A>) {
        static_assert(detail::always_false<A>,
                      "weir::with_deadline(t, operation): takes an operation; end the pipeline with a sink");
    } else if constexpr (!weir::operation<A>) {
        static_assert(detail::always_false<A>,
                      "weir::with_deadline(t, operation): takes a task, a pipeline that ends in a sink, or another "
                      "operation");
    } else {
        return timed_operation<A>{"weir::with_deadline: no result", t, std::move(operation)};
    }
}

} // namespace weir

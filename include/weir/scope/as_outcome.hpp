// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/scope/outcome.hpp>

namespace weir {

/// An operation whose error is part of its result.
template <operation A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] outcome_operation {
public:
    using result_type = outcome<await_result_t<A>>;

    explicit outcome_operation(A operation) : operation_{std::move(operation)} {}

    poll<result_type> poll_result(context& cx) {
        std::exception_ptr error;
        try {
            auto result = operation_->poll_result(cx);
            if (!result.is_item()) return pending;
            poll<result_type> answer(result_type(*std::move(result)));
            operation_.reset();
            return answer;
        } catch (...) {
            error = std::current_exception();
        }
        operation_.reset();
        if (cx.stopping()) return cx.yield();
        return result_type::failed(std::move(error));
    }

    void outline(stage_outline& out) const { out.upstream(operation_); }

private:
    detail::resettable<A> operation_; // until it has ended
};

/// `co_await as_outcome(operation)`: runs the operation to its end, and returns its result or its error as an
/// `outcome`.
///
///     urls | weir::map_async(8, [](std::string url) { return weir::as_outcome(fetch(std::move(url))); })
///          | weir::skip_errors([](std::exception_ptr error) { return is_not_found(error); })
///
/// It keeps an error from ending the stream, or failing the group, in which the operation runs.
///
/// Errors: none; the outcome holds them.
/// Dropped: drops the operation, which has then no outcome.
/// Cost: no allocation.
/// See: outcome, skip_errors, materialize (for a stream), when_all_settled.
template <class A>
auto as_outcome(A operation) {
    if constexpr (stream<A>) {
        static_assert(detail::always_false<A>, "weir::as_outcome(operation): takes an operation; end the pipeline with "
                                               "a sink, or put materialize() into it");
    } else if constexpr (!weir::operation<A>) {
        static_assert(detail::always_false<A>, "weir::as_outcome(operation): takes a task, a pipeline that ends in a "
                                               "sink, or another operation");
    } else {
        return outcome_operation<A>{std::move(operation)};
    }
}

} // namespace weir

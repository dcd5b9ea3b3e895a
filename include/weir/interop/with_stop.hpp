// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/kept_result.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/detail/stop_token_watcher.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

/// An operation that a std::stop_token can end.
template <operation A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] stoppable_operation {
    static constexpr bool without_result = std::is_void_v<await_result_t<A>>;

public:
    using result_type =
        std::conditional_t<without_result, bool, std::optional<detail::kept_object_t<detail::kept_t<A>>>>;

    stoppable_operation(std::stop_token token, A operation)
        : stop_{std::move(token)}, operation_{std::move(operation)} {}

    poll<result_type> poll_result(context& cx) {
        if (stop_.stop_requested()) {
            operation_.reset();
            return result_type{};
        }
        auto result = operation_->poll_result(cx);
        if (result.is_pending()) {
            stop_.wait(cx);
            return pending;
        }
        if constexpr (without_result) {
            return true;
        } else {
            return result_type(static_cast<detail::kept_t<A>&&>(*std::move(result)));
        }
    }

private:
    detail::stop_token_watcher stop_;
    detail::resettable<A> operation_;
};

/// `co_await with_stop(token, operation)`: the result as a std::optional; std::nullopt when a stop was requested before
/// there was a result, and the operation was dropped. For an operation without a result, a bool: whether it ran to its
/// end.
///
///     if (!co_await weir::with_stop(token, copy(from, to))) discard(to);
///
/// Errors: the operation's. A stop is not an error, and no code inside the operation sees one.
/// Dropped: drops the operation.
/// Threads: the stop may be requested on any thread.
/// See: take_until for streams, stop_scope.
template <class A>
auto with_stop(std::stop_token token, A operation) {
    if constexpr (!weir::operation<A>) {
        static_assert(detail::always_false<A>,
                      "weir::with_stop(token, operation): takes a task, a pipeline that ends in a "
                      "sink, or another operation; into a stream put take_until(token)");
    } else {
        return stoppable_operation<A>{std::move(token), std::move(operation)};
    }
}

/// Runs an operation on an executor of its own, until it has a result or a stop is requested.
/// @throws stopped; the exceptions of `run(operation)`
template <operation A>
await_result_t<A> run(A operation, std::stop_token token, backend_kind kind = backend_kind::automatic) {
    executor ex{kind};
    auto result = ex.run(with_stop(std::move(token), std::move(operation)));
    if (!result) throw stopped{};
    if constexpr (!std::is_void_v<await_result_t<A>>) return static_cast<await_result_t<A>&&>(*std::move(result));
}

} // namespace weir

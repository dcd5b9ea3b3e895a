#pragma once

#include <exception>
#include <future>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

namespace detail {

/// An operation whose result goes to a std::promise. When it is dropped, that is told.
template <awaitable A>
class promised_operation {
public:
    using result_type = unit;

    promised_operation(A operation, std::promise<await_result_t<A>> promise)
        : operation_(std::move(operation)), promise_{std::move(promise)} {}
    promised_operation(promised_operation&& other)
        : operation_(std::move(other.operation_)), promise_{std::move(other.promise_)} {
        other.promise_.reset();
    }
    ~promised_operation() {
        if (promise_) promise_->set_exception(std::make_exception_ptr(stopped{}));
    }

    poll<unit> poll_result(context& cx) {
        try {
            auto result = operation_.poll_result(cx);
            if (result.is_pending()) return pending;
            if constexpr (std::is_void_v<await_result_t<A>>) {
                promise_->set_value();
            } else {
                promise_->set_value(static_cast<await_result_t<A>&&>(*std::move(result)));
            }
        } catch (...) {
            promise_->set_exception(std::current_exception());
        }
        promise_.reset();
        return unit{};
    }

private:
    A operation_;
    std::optional<std::promise<await_result_t<A>>> promise_;
};

} // namespace detail

/// Starts an operation on an executor that another thread runs, and gives its result, or its error, as a std::future.
///
///     weir::executor ex;
///     std::jthread loop{[&] { ex.run(serve()); }};
///     const int answer = weir::to_future(ex, ask()).get();
///
/// When the executor is destroyed before there is a result, the future throws `stopped`. While the executor is not run,
/// the future waits: somebody has to run it.
///
/// @throws std::logic_error on the executor's own thread while it runs, where to wait for the future would be for ever:
///         there await the operation
/// Threads: from any other thread. The operation is moved to the executor's thread, and destroyed there.
template <class A>
auto to_future(executor& ex, A operation, std::source_location place = std::source_location::current()) {
    if constexpr (!awaitable<A>) {
        static_assert(detail::always_false<A>,
                      "weir::to_future(executor, operation): takes a task, a pipeline that ends in "
                      "a sink, or another awaitable");
    } else {
        if (executor::current() == &ex) {
            throw std::logic_error{
                "weir::to_future: the executor runs on this thread, which must not wait for it; co_await "
                "the operation or spawn it instead"};
        }
        static_assert(
            detail::crossable<typename A::result_type>,
            "weir::to_future(executor, operation): the result crosses threads, and is bound to its thread, as "
            "weir::bytes are, or borrows its memory; let the operation return what owns it");
        std::promise<await_result_t<A>> promise;
        auto future = promise.get_future();
        ex.post(
            [&ex, place, promised = detail::promised_operation<A>{std::move(operation), std::move(promise)}]() mutable {
                ex.spawn(std::move(promised), place).detach();
            });
        return future;
    }
}

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <future>
#include <memory>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>

namespace weir {

namespace detail {

/// An operation and the std::promise of its result. When it is dropped without a result, the future throws `stopped`.
template <operation A>
class promised {
    using result = await_result_t<A>;

public:
    promised(A operation, std::promise<result> promise)
        : operation_(std::move(operation)), promise_(std::move(promise)) {}
    promised(const promised&) = delete;
    promised& operator=(const promised&) = delete;
    ~promised() { fail(std::make_exception_ptr(stopped{})); }

    /// Whether the promise was fulfilled.
    bool poll(context& cx) {
        try {
            auto answer = operation_->poll_result(cx);
            if (answer.is_pending()) return false;
            operation_.reset();
            if constexpr (std::is_void_v<result>) {
                promise_.set_value();
            } else {
                promise_.set_value(static_cast<result&&>(*std::move(answer)));
            }
            answered_ = true;
        } catch (...) {
            fail(std::current_exception());
        }
        return true;
    }

    void fail(std::exception_ptr error) noexcept {
        operation_.reset();
        if (!std::exchange(answered_, true)) promise_.set_exception(std::move(error));
    }

private:
    detail::resettable<A> operation_;
    std::promise<result> promise_;
    bool answered_ = false;
};

/// The part that runs on the executor.
template <operation A>
class promised_operation {
public:
    using result_type = unit;

    explicit promised_operation(std::shared_ptr<promised<A>> known) noexcept : known_{std::move(known)} {}

    poll<unit> poll_result(context& cx) {
        if (!known_->poll(cx)) return pending;
        return unit{};
    }

private:
    std::shared_ptr<promised<A>> known_;
};

} // namespace detail

/// Starts an operation on an executor that another thread runs, and returns its result or error as a std::future.
///
///     weir::executor ex;
///     std::jthread loop{[&] { ex.run(serve()); }};
///     const int answer = weir::to_future(ex, ask()).get();
///
/// The future becomes ready only while a thread runs the executor.
///
/// Errors: the operation's. `stopped` when the executor is destroyed before there is a result.
/// Threads: call it on any other thread. The operation is moved to the executor's thread, and destroyed there.
/// See: spawn_on, as_range.
///
/// @throws std::logic_error on the executor's own thread while it runs, where the future would wait forever; await the
///         operation there
template <class A>
auto to_future(executor& ex, A operation, std::source_location place = std::source_location::current()) {
    if constexpr (!weir::operation<A>) {
        static_assert(detail::always_false<A>,
                      "weir::to_future(executor, operation): takes a task, a pipeline that ends in "
                      "a sink, or another operation");
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
        auto known = std::make_shared<detail::promised<A>>(std::move(operation), std::move(promise));
        ex.post([&ex, place, known = std::move(known)] {
            try {
                ex.spawn(detail::promised_operation<A>{known}, place).detach();
            } catch (...) {
                known->fail(std::current_exception());
            }
        });
        return future;
    }
}

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <future>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/thread_pool.hpp>

namespace weir {

namespace detail {

template <class F>
inline constexpr bool is_future = false;
template <class T>
inline constexpr bool is_future<std::future<T>> = true;
template <class T>
inline constexpr bool is_future<std::shared_future<T>> = true;

/// The job of a thread of the pool: waits until a future is ready or the operation was dropped.
template <class Future>
class wait_for_future {
public:
    wait_for_future(Future future, std::stop_token dropped) noexcept
        : future_{std::move(future)}, dropped_{std::move(dropped)} {}

    decltype(auto) operator()() && {
        // A wait for a future cannot be interrupted.
        constexpr std::chrono::milliseconds between_looks{20};
        while (future_.wait_for(between_looks) == std::future_status::timeout) {
            if (dropped_.stop_requested()) throw stopped{};
        }
        return future_.get();
    }

private:
    Future future_;
    std::stop_token dropped_;
};

} // namespace detail

/// An operation that completes when a std::future is ready.
template <class Future>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] future_operation {
    using waiting = detail::offload_operation<detail::wait_for_future<Future>>;

public:
    using result_type = typename waiting::result_type;

    future_operation(thread_pool& pool, Future future) noexcept : pool_{&pool}, future_{std::move(future)} {}
    future_operation(future_operation&&) = default;
    ~future_operation() { dropped_.request_stop(); }

    poll<result_type> poll_result(context& cx) {
        if (!waiting_) {
            if (!future_.valid()) throw std::future_error{std::future_errc::no_state};
            if (future_.wait_for(std::chrono::seconds{0}) == std::future_status::ready) return take();
            waiting_.emplace(offload(*pool_, detail::wait_for_future<Future>{std::move(future_), start_watching()}));
        }
        return waiting_->poll_result(cx);
    }

private:
    poll<result_type> take() {
        Future ready = std::move(future_);
        if constexpr (std::is_same_v<result_type, unit>) {
            ready.get();
            return unit{};
        } else {
            return result_type(ready.get());
        }
    }
    std::stop_token start_watching() {
        dropped_ = std::stop_source{};
        return dropped_.get_token();
    }

    thread_pool* pool_;
    Future future_;
    std::stop_source dropped_{std::nostopstate};
    std::optional<waiting> waiting_;
};

/// `co_await from_future(pool, future)`: the result of a std::future or std::shared_future.
///
///     weir::thread_pool pool;
///     const auto rows = co_await weir::from_future(pool, database.query("select ..."));
///
/// A std::future can only be waited for by a thread that blocks: when it is not ready at the first poll, a thread of
/// the pool waits for it, and the executor keeps running. A pool of n threads waits for n futures at once; others wait
/// in its queue. A function that std::async has deferred is called on that thread.
///
/// Errors: the future's. std::future_error for a future without a state. pool_closed and limit_exceeded as by offload.
/// Dropped: does not wait for the result; the thread of the pool is free again within 20 ms. The destructor of a future
/// of std::async always waits for the function: on the pool's thread if that has begun to wait, and otherwise where the
/// operation is dropped.
/// Threads: the promise may be fulfilled on any thread.
/// Cost: a thread of the pool while it waits, and two allocations; neither for a future that is ready.
/// See: to_future, from_completion, offload.
template <class Future>
auto from_future(thread_pool& pool, Future future) {
    if constexpr (!detail::is_future<Future>) {
        static_assert(detail::always_false<Future>,
                      "weir::from_future(pool, future): takes a std::future or a std::shared_future");
    } else {
        return future_operation<Future>{pool, std::move(future)};
    }
}

} // namespace weir

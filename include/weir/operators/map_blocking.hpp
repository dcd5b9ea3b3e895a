// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/thread_pool.hpp>

namespace weir {

namespace detail {

/// Calls a function with an item in a pool. All running calls share the function, because they may outlive the stream.
template <class F>
class call_in_pool {
public:
    using function = F;

    call_in_pool(const thread_pool& pool, F f) : jobs_{pool.jobs()}, f_(std::make_shared<const F>(std::move(f))) {}

    template <class Item>
    auto operator()(Item item) const {
        auto call = [f = f_, item = std::optional<Item>(std::move(item))]() mutable -> decltype(auto) {
            return std::invoke(*f, *std::move(item));
        };
        return offload_operation<decltype(call)>(jobs_, std::move(call));
    }

private:
    std::shared_ptr<job_queue> jobs_;
    std::shared_ptr<const F> f_;
};

/// Whether several threads may call F with an item at the same time.
template <class F, class Item>
concept callable_at_once = std::invocable<const F&, Item>;

} // namespace detail

struct map_blocking_fn : detail::operator_fn<map_blocking_fn> {
    template <class S, class N, class Call>
    using pipeline = map_async_stream<S, Call>;

    template <class T, class N, class Call>
    static consteval bool accepts() {
        constexpr bool ok = detail::callable_at_once<typename Call::function, T>;
        static_assert(ok, "weir::map_blocking(n, pool, f): f cannot be called with an item while it is const; several "
                          "threads call it at once");
        constexpr bool crosses = detail::crossable<T>;
        static_assert(crosses, "weir::map_blocking(n, pool, f): items cross threads, and these are bound to their "
                               "thread, as weir::bytes are, or borrow their memory; put to_owned() before it");
        return ok && crosses;
    }

    template <std::integral N, class F>
    auto operator()(N given, thread_pool& pool, F f) const {
        const std::size_t n = detail::at_least_one(given, "weir::map_blocking(n, pool, f): n must be at least 1");
        return with(n, detail::call_in_pool<F>(pool, std::move(f)));
    }
};

struct map_blocking_unordered_fn : detail::operator_fn<map_blocking_unordered_fn> {
    template <class S, class N, class Call>
    using pipeline = map_async_unordered_stream<S, Call>;

    template <class T, class N, class Call>
    static consteval bool accepts() {
        constexpr bool ok = detail::callable_at_once<typename Call::function, T>;
        static_assert(ok,
                      "weir::map_blocking_unordered(n, pool, f): f cannot be called with an item while it is const; "
                      "several threads call it at once");
        constexpr bool crosses = detail::crossable<T>;
        static_assert(crosses, "weir::map_blocking_unordered(n, pool, f): items cross threads, and these are bound to "
                               "their thread, as weir::bytes are, or borrow their memory; put to_owned() before it");
        return ok && crosses;
    }

    template <std::integral N, class F>
    auto operator()(N given, thread_pool& pool, F f) const {
        const std::size_t n =
            detail::at_least_one(given, "weir::map_blocking_unordered(n, pool, f): n must be at least 1");
        return with(n, detail::call_in_pool<F>(pool, std::move(f)));
    }
};

/// map_blocking(n, pool, f): f(a) for each item a, called on a thread of the pool, at most n at a time, in the order of
/// the items.
///
///     in                        --a-b-c-------|
///     map_blocking(2, pool, f)  -------A-B--C-|     where f takes five ticks
///
///     weir::thread_pool pool{4};
///     files | weir::map_blocking(4, pool, [](std::string path) { return sha256(path); })
///
/// As map_async with `offload`: from the first poll on, upstream is polled as long as fewer than n calls run or wait
/// for delivery.
///
/// Ends: with upstream, after the last result.
/// Errors: upstream's, after the results of the calls under way; that of f in its place, after the results before it,
/// and upstream is dropped at once. pool_closed and limit_exceeded, when the pool does not take a call.
/// Dropped: never waits. Calls that have not started are withdrawn. Running calls finish, and their results are lost. f
/// and the item of a call exist until the call has returned.
/// Threads: up to n threads of the pool call f at the same time, as a const object.
/// Cost: one allocation per call; up to n items and results held.
/// See: offload, map_async, parallel.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr map_blocking_fn map_blocking{};

/// map_blocking_unordered(n, pool, f): the same, but results are delivered as they are ready. A failure is delivered
/// after the results that were ready, and drops the others.
inline constexpr map_blocking_unordered_fn map_blocking_unordered{};

} // namespace weir

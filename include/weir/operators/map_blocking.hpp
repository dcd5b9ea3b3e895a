#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/threads/offload.hpp>
#include <weir/threads/thread_pool.hpp>

namespace weir {

namespace detail {

/// Makes of an item the call of a function with it in a pool. The function belongs to all calls that are under way: the
/// stream may be dropped while they run.
template <class F>
class call_in_pool {
public:
    call_in_pool(const thread_pool& pool, F f) : jobs_{pool.jobs()}, f_{std::make_shared<const F>(std::move(f))} {}

    template <class Item>
    auto operator()(Item item) const {
        auto call = [f = f_, item = std::optional<Item>{std::move(item)}]() mutable -> decltype(auto) {
            return std::invoke(*f, *std::move(item));
        };
        return offload_operation<decltype(call)>{jobs_, std::move(call)};
    }

private:
    std::shared_ptr<job_queue> jobs_;
    std::shared_ptr<const F> f_;
};

/// Whether several threads may call it with an item at once.
template <class F, class Item>
concept callable_at_once = std::invocable<const F&, Item>;

} // namespace detail

struct map_blocking_fn : operator_needs_its_arguments_in_parentheses {
    /// @throws std::invalid_argument when n is less than 1
    template <std::integral N, class F>
    auto operator()(N given, thread_pool& pool, F f) const {
        const std::size_t n = detail::at_least_one(given, "weir::map_blocking(n, pool, f): n must be at least 1");
        return closure{[n, call = detail::call_in_pool<F>{pool, std::move(f)}]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>,
                              "weir::map_blocking(n, pool, f): what is left of | is not a stream");
            } else if constexpr (!detail::callable_at_once<F, item_t<S>>) {
                static_assert(detail::always_false<S>, "weir::map_blocking(n, pool, f): f cannot be called with an "
                                                       "item while it is const; several threads call it at once");
            } else {
                static_assert(
                    detail::crossable<item_t<S>>,
                    "weir::map_blocking(n, pool, f): items cross threads, and these are bound to their thread, as "
                    "weir::bytes are, or borrow their memory; put to_owned() before it");
                return map_async(n, std::move(call)).apply(std::move(upstream));
            }
        }};
    }
};

struct map_blocking_unordered_fn : operator_needs_its_arguments_in_parentheses {
    /// @throws std::invalid_argument when n is less than 1
    template <std::integral N, class F>
    auto operator()(N given, thread_pool& pool, F f) const {
        const std::size_t n =
            detail::at_least_one(given, "weir::map_blocking_unordered(n, pool, f): n must be at least 1");
        return closure{[n, call = detail::call_in_pool<F>{pool, std::move(f)}]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>,
                              "weir::map_blocking_unordered(n, pool, f): what is left of | is not a stream");
            } else if constexpr (!detail::callable_at_once<F, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::map_blocking_unordered(n, pool, f): f cannot be called with an "
                              "item while it is const; several threads call it at once");
            } else {
                static_assert(
                    detail::crossable<item_t<S>>,
                    "weir::map_blocking_unordered(n, pool, f): items cross threads, and these are bound to their "
                    "thread, as weir::bytes are, or borrow their memory; put to_owned() before it");
                return map_async_unordered(n, std::move(call)).apply(std::move(upstream));
            }
        }};
    }
};

/// map_blocking(n, pool, f): a -> f(a), called on a thread of the pool, at most n at a time, in the order of the items.
///
///     in                        --a-b-c-------|
///     map_blocking(2, pool, f)  -------A-B--C-|     where f takes five ticks
///
///     weir::thread_pool pool{4};
///     files | weir::map_blocking(4, pool, [](std::string path) { return sha256(path); })
///
/// As map_async with `offload`: from the first poll on, upstream is asked as long as fewer than n calls are under way or
/// wait for delivery. An error of f comes in its place, after the results before it; what was to come after it, and
/// upstream, are dropped at once.
///
/// Dropping it never waits: calls that have not begun are withdrawn, those that run go on to their end for nobody. f and
/// the item of a call live until the call has returned.
///
/// Threads: f is called by up to n threads at once, as a const object.
/// @param n  calls at a time, > 0; of which no more run than the pool has threads
/// @throws pool_closed, limit_exceeded: in the stream, when the pool does not take a call
inline constexpr map_blocking_fn map_blocking{};

/// map_blocking_unordered(n, pool, f): the same, but results come as they are ready. A failure comes after the results
/// that were ready, and drops the others.
inline constexpr map_blocking_unordered_fn map_blocking_unordered{};

} // namespace weir

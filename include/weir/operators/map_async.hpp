// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/in_flight.hpp>

namespace weir {

/// The results of the operations that a function returns for the items of an upstream.
/// @tparam Order  as_started for the order of the items, as_ready for the order of completion
template <stream S, class F, class Limit = std::size_t, detail::delivery Order = detail::delivery::as_started>
class [[nodiscard("add a sink and co_await it")]] map_async_stream
    : public detail::in_flight_stream<S, F, detail::operations, Order, Limit> {
public:
    using map_async_stream::in_flight_stream::in_flight_stream;
    /// @tparam User  the type of the function that the user passed
    template <class User>
    map_async_stream(S upstream, Limit limit, F f, std::type_identity<User>)
        : map_async_stream(std::move(upstream), std::move(limit), std::move(f)) {}
};

namespace detail {

/// Base of map_async and map_async_unordered.
template <class Operator, delivery Order>
struct map_async_operator : operator_fn<Operator> {
    template <class S, class Limit, class Run, class F>
    using pipeline = map_async_stream<S, Run, Limit, Order>;

    template <class T, class Limit, class Run, class F>
    static consteval bool accepts() {
        constexpr bool ok = returns_operation<typename F::type&, T>;
        static_assert(ok, "weir::map_async(n, f), map_async_unordered(n, f): f cannot be called with an item, or does "
                          "not return a task or another operation");
        constexpr bool kept = keepable<T>;
        static_assert(kept, "weir::map_async(n, f), map_async_unordered(n, f) keep items, and these borrow their "
                            "memory; put to_owned() before it, or outlives(view) around what outlives it");
        return ok && kept;
    }

    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return this->with(at_least_one(n, Operator::no_operations), std::move(f), std::type_identity<F>{});
    }
    template <operation_limit L, class F>
    constexpr auto operator()(L& limit, F f) const {
        return this->with(limit.bound(), limit.guard(std::move(f)), std::type_identity<F>{});
    }
    template <class F>
    constexpr auto operator()(F) const {
        static_assert(always_false<F>, "weir::map_async(n, f), map_async_unordered(n, f): say how many operations may "
                                       "be in flight at once");
        return invalid_closure();
    }
};

} // namespace detail

struct map_async_fn : detail::map_async_operator<map_async_fn, detail::delivery::as_started> {
    static constexpr const char* no_operations = "weir::map_async(n, f): n must be at least 1";
};

/// map_async(n, f): co_await f(a) for each item a, at most n at a time, in the order of the items.
///
///     in               --a-b-c-------|
///     map_async(2, f)  -------A-B--C-|     where f takes five ticks
///
/// From the first poll on, operations are started as long as fewer than n are in flight or wait for delivery, and run
/// to their end, whether or not the consumer is busy. A slow operation delays the results behind it; see
/// map_async_unordered. f and the item of an operation exist until the operation has ended, whether f takes T, const T&
/// or T&&.
///
/// map_async(limit, f): the same with a concurrency_limit, which may be changed and shared. An operation starts when it
/// has a permit. As many items as the limit allows wait for permits, without the limit's queue limits. The operator
/// refers to the limit.
///
/// Ends: with upstream, after the last result.
/// Errors: upstream's, after the results of the operations in flight; an operation's or f's in its place, after the
/// results before it. Upstream and the operations that were started later are dropped at once.
/// Dropped: the operations in flight are destroyed; results and items held are lost.
/// Cost: one allocation per operation at a time, reused; up to n items and results held.
/// See: map_async_unordered, flat_map, for_each.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr map_async_fn map_async{};

} // namespace weir

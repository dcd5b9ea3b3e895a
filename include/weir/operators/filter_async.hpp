// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/filter_map.hpp>
#include <weir/operators/map_async.hpp>

namespace weir {

namespace detail {

/// An item, if the operation of a predicate returns true. The item is that of the operation in flight, which exists
/// until the operation has ended.
template <class T, operation Op>
class kept_if {
public:
    using result_type = std::optional<T>;

    template <class Pred>
    kept_if(T& item, Pred& pred) : item_{&item}, keeps_(std::invoke(pred, std::as_const(item))) {}

    poll<result_type> poll_result(context& cx) {
        auto keep = keeps_.poll_result(cx);
        if (keep.is_pending()) return pending;
        if (!static_cast<bool>(*std::move(keep))) return poll<result_type>(result_type());
        return poll<result_type>(result_type(std::move(*item_)));
    }

private:
    T* item_;
    Op keeps_;
};

template <class T, class Pred>
class start_predicate {
public:
    explicit start_predicate(Pred pred) : pred_(std::move(pred)) {}

    kept_if<T, std::invoke_result_t<Pred&, const T&>> operator()(T&& item) { return {item, pred_}; }

private:
    [[no_unique_address]] Pred pred_;
};

/// An operation whose result is a bool.
template <class Op>
concept boolean_operation = operation<Op> && std::convertible_to<typename Op::result_type, bool>;

} // namespace detail

struct filter_async_fn : detail::operator_fn<filter_async_fn> {
    template <class T, class N, class Pred>
    static consteval bool accepts() {
        constexpr bool called = std::invocable<Pred&, const T&>;
        static_assert(called, "weir::filter_async(n, pred): pred cannot be called with a const item");
        if constexpr (called) {
            constexpr bool ok = detail::boolean_operation<std::invoke_result_t<Pred&, const T&>>;
            static_assert(ok, "weir::filter_async(n, pred): pred does not return a task or another operation whose "
                              "result is a bool; write filter(pred) for a plain predicate");
            constexpr bool kept = detail::keepable<T>;
            static_assert(kept, "weir::filter_async(n, pred) keeps items, and these borrow their memory; put "
                                "to_owned() before it, or outlives(view) around what outlives it");
            return ok && kept;
        }
        return false;
    }

    template <stream S, class Pred>
    static constexpr auto attach(S left, std::size_t n, Pred pred) {
        using start = detail::start_predicate<item_t<S>, Pred>;
        return filter_map_fn::attach(map_async_stream<S, start>(std::move(left), n, start(std::move(pred))),
                                     std::identity{});
    }

    template <std::integral N, class Pred>
    constexpr auto operator()(N n, Pred pred) const {
        return with(detail::at_least_one(n, "weir::filter_async(n, pred): n must be at least 1"), std::move(pred));
    }
};

/// filter_async(n, pred): the items for which the operation that pred returns has the result true, at most n operations
/// at a time, in the order of the items.
///
///     in                     --a-b-c-------|
///     filter_async(2, pred)  -------a----c-|     where pred takes five ticks, and b is left out
///
/// From the first poll on, operations are started as long as fewer than n are in flight or wait for delivery, and run
/// to their end, whether or not the consumer is busy. pred takes a const T&, and the item exists until the operation
/// has ended.
///
/// Ends: with upstream, after the last operation.
/// Errors: upstream's, after the items before it; an operation's or pred's in its place. Upstream and the operations
/// that were started later are dropped at once.
/// Dropped: the operations in flight are destroyed; items held are lost.
/// Cost: one allocation per operation at a time, reused; up to n items held.
/// See: filter, map_async.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr filter_async_fn filter_async{};

} // namespace weir

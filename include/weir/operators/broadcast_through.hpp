// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <tuple>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/merge.hpp>
#include <weir/operators/share.hpp>

namespace weir {

namespace detail {

/// The stream that a pipeline returns for a subscription.
template <class Subscription, class Pipeline>
using piped_t = decltype(std::declval<Subscription>() | std::declval<Pipeline>());

} // namespace detail

struct broadcast_through_options {
    /// The maximum number of items held for each pipeline, >= 1.
    std::size_t capacity = 16;
};

struct broadcast_through_fn : detail::operator_fn<broadcast_through_fn> {
    template <class T, class Options, class... Pipelines>
    static consteval bool accepts() {
        constexpr bool some = sizeof...(Pipelines) != 0 && (detail::is_closure<Pipelines> && ...);
        static_assert(some, "weir::broadcast_through(pipelines...): takes one pipeline or more, such as map(f) or "
                            "filter(keep) | map(f)");
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied, "weir::broadcast_through(pipelines...): each pipeline gets a copy of an item, and these "
                              "items cannot be copied; send a std::shared_ptr to them");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::broadcast_through(pipelines...) keeps items, and these borrow their memory; put "
                            "to_owned() before it, or outlives(view) around what outlives it");
        return some && copied && kept;
    }

    template <stream S, class Options, class... Pipelines>
    static auto attach(S left, Options options, Pipelines... pipelines) {
        using subscription = shared_subscription<detail::made_once<S>>;
        constexpr bool streams = (stream<detail::piped_t<subscription, Pipelines>> && ...);
        static_assert(streams, "weir::broadcast_through(pipelines...): a pipeline does not end in a stream; a sink "
                               "takes no part in the result: write also_to(sink)");
        if constexpr (streams) {
            const auto shared = std::move(left) | share({.capacity = options.capacity});
            // A list in braces, since function arguments are evaluated in any order.
            std::tuple<detail::piped_t<subscription, Pipelines>...> branches{shared.subscribe() |
                                                                             std::move(pipelines)...};
            return std::apply([](auto&... each) { return merge(std::move(each)...); }, branches);
        } else {
            return detail::invalid_pipeline{};
        }
    }

    template <class... Pipelines>
    constexpr auto operator()(Pipelines... pipelines) const {
        return with(broadcast_through_options{}, std::move(pipelines)...);
    }
    template <class... Pipelines>
    constexpr auto operator()(broadcast_through_options options, Pipelines... pipelines) const {
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::broadcast_through({.capacity}, pipelines...): capacity must be at "
                                        "least 1"};
        }
        return with(options, std::move(pipelines)...);
    }
};

/// broadcast_through(pipelines...): each item goes through all pipelines, and what they make of it is merged.
///
///     in                           --1-----2-----|
///     broadcast_through(            --1--a--2--b--|
///         map(to_digit),           --1-----2-----|
///         map(to_letter) | delay)  -----a-----b--|
///
///     events() | weir::broadcast_through(weir::filter(is_error) | weir::map(to_alarm), weir::chunk(100) | ...)
///
/// The pipelines run beside each other, on one executor. Up to {.capacity} items are held for each, 16 unless
/// broadcast_through({.capacity = n}, pipelines...) says otherwise; while one has as many, upstream is not asked, so
/// that the slowest sets the pace. A pipeline that ends early takes no more part. The pipelines have results of one
/// type.
///
/// Ends: when all pipelines have ended. Errors: the first one, of upstream or a pipeline, when all have been destroyed;
/// results that were ready before come before it.
/// Dropped: the items held are lost.
/// Cost: an allocation for each pipeline and for upstream; a copy of an item per pipeline; up to {.capacity} items and
/// one result held for each.
/// See: share, merge, also_to, partition.
///
/// @throws std::invalid_argument when the capacity is 0
inline constexpr broadcast_through_fn broadcast_through{};

} // namespace weir

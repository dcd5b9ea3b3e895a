// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/shared_source.hpp>

namespace weir {

struct share_fn : detail::operator_fn<share_fn> {
    template <class S, class Options>
    using pipeline = shared_source<detail::made_once<S>>;

    template <class T, class Options>
    static consteval bool accepts() {
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied,
                      "weir::share(): each subscriber gets a copy of an item, and these items cannot be copied; "
                      "share a std::shared_ptr to them");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::share() keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return copied && kept;
    }

    template <class S, class Options>
    static auto attach(S source, Options options) {
        return pipeline<S, Options>{detail::made_once<S>{std::move(source)}, 0, options};
    }

    auto operator()(share_options options = {}) const { return with(detail::checked_share("weir::share", options)); }

    template <class F>
        requires(!std::same_as<F, share_options>)
    auto operator()(F f, share_options options = {}) const {
        if constexpr (stream<F>) {
            static_assert(detail::always_false<F>,
                          "weir::share(f): takes a function that returns a stream, so that the "
                          "stream can start again; write stream | share()");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::gives_stream<F&>) {
            static_assert(detail::always_false<F>,
                          "weir::share(f): f cannot be called without arguments, or does not return a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (accepts<item_t<std::invoke_result_t<F&>>, share_options>()) {
            return shared_source<detail::made_again<F>>{detail::made_again<F>{std::move(f)}, 0,
                                                        detail::checked_share("weir::share", options)};
        } else {
            return detail::invalid_pipeline{};
        }
    }
};

/// share(): one source for several consumers. Each subscription is a stream of copies of its items.
/// share(f): the same, with the streams that f returns, which can start again.
///
///     auto quotes = feed() | weir::share();
///     auto log = ex.spawn(quotes.subscribe() | weir::for_each(write));               // all: the source waits for it
///     auto show = ex.spawn(quotes.subscribe({.overflow = weir::overflow::latest})    // the newest
///                          | weir::for_each(draw));
///
///     in                 --a--b--c--d--|
///     subscribed at once --a--b--c--d--|
///     subscribed later   --------c--d--|
///
/// A subscription receives the items that the source yields after subscribe(). The first poll of a subscription starts
/// the source. When the last subscription is destroyed, the source is too. With share(f), a subscription that is made
/// later, or after the end or an error, starts a new stream; without f, it sees the end or the error.
///
/// For each subscriber up to `capacity` items are held, 64 unless said otherwise. What happens to an item for which
/// there is no room is decided by share({.capacity, .overflow}), or for one subscriber by subscribe({.capacity,
/// .overflow, .on_drop}):
///
///     overflow::suspend       the source is not asked for more until there is room; the others wait too
///     overflow::drop_oldest   the oldest item held for the subscriber is dropped
///     overflow::drop_newest   the new item is dropped for the subscriber
///     overflow::latest        the subscriber sees the newest item only
///     overflow::error         the subscription fails with buffer_overflow after the items held; the others continue
///
/// A subscription reports how far it is behind: size(), the number of held items, missed(), the number of items that
/// were dropped before the last one received, and dropped(), of all.
///
/// One consumer may read several subscriptions, such as merge(s.subscribe() | map(f), s.subscribe() | map(g)). It must
/// take items from each: a subscription with overflow::suspend that is not read stops the source, and the others with
/// it.
///
/// Ends: with the source. Errors: those of the source, and what f and copying an item throw. The items held come before
/// either, after the source has been destroyed.
/// Dropped: items that a subscriber does not receive are passed to its on_drop, if there is one.
/// Threads: subscriptions belong to one executor.
/// Cost: one copy per item and subscriber; one allocation per subscription, none per item; up to `capacity` items held
/// for each subscription.
/// See: replay, hold, broadcast.
///
/// @throws std::invalid_argument when the capacity is 0
inline constexpr share_fn share{};

} // namespace weir

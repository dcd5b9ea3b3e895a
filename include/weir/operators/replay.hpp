// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/shared_source.hpp>

namespace weir {

struct replay_fn : detail::operator_fn<replay_fn> {
    template <class S, class N, class Options>
    using pipeline = shared_source<detail::made_once<S>>;

    template <class T, class N, class Options>
    static consteval bool accepts() {
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied, "weir::replay(n): each subscriber gets a copy of an item, and these items cannot be "
                              "copied; share a std::shared_ptr to them");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::replay(n) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return copied && kept;
    }

    template <class S, class N, class Options>
    static auto attach(S source, N n, Options options) {
        return pipeline<S, N, Options>{detail::made_once<S>{std::move(source)}, n, options};
    }

    template <std::integral N>
    auto operator()(N n, share_options options = {}) const {
        return with(checked(n), detail::checked_share("weir::replay", options));
    }

    template <std::integral N, class F>
        requires(!std::same_as<F, share_options>)
    auto operator()(N n, F f, share_options options = {}) const {
        if constexpr (stream<F>) {
            static_assert(detail::always_false<F>,
                          "weir::replay(n, f): takes a function that returns a stream, so that "
                          "the stream can start again; write stream | replay(n)");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::gives_stream<F&>) {
            static_assert(detail::always_false<F>,
                          "weir::replay(n, f): f cannot be called without arguments, or does not return a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (accepts<item_t<std::invoke_result_t<F&>>, N, share_options>()) {
            return shared_source<detail::made_again<F>>{detail::made_again<F>{std::move(f)}, checked(n),
                                                        detail::checked_share("weir::replay", options)};
        } else {
            return detail::invalid_pipeline{};
        }
    }

private:
    template <std::integral N>
    static constexpr std::size_t checked(N n) {
        return detail::at_least_one(n, "weir::replay(n): n must be at least 1; without items to replay, write share()");
    }
};

/// replay(n): as share(), and a subscription starts with the last n items that came before it.
/// replay(n, f): the same, with the streams that f returns, which can start again.
///
///     auto prices = feed() | weir::replay(10);
///     auto chart = ex.spawn(prices.subscribe() | weir::for_each(draw)); // the last ten, and then each new one
///
///     in                          --a--b--c--d--|
///     replay(2), subscribed at 7  -------[ab]c--d--|
///
/// After the end and after an error a subscription still receives the last items, and then the end or the error. When
/// the last subscription is destroyed before the end, the items are destroyed with the source. The rest is as for
/// share.
///
/// Cost: as for share; one more copy per item, and n items held.
/// See: share, hold.
///
/// @throws std::invalid_argument when n is less than 1, or the capacity is 0
inline constexpr replay_fn replay{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/best_item.hpp>

namespace weir {

struct max_fn : detail::operator_fn<max_fn> {
    template <class S, class Less>
    using pipeline = detail::accumulating_sink<S, detail::best_item<item_t<S>, Less, true>>;

    template <class T, class Less>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Less&, const T&, const T&>;
        static_assert(ok, "weir::max(less): less cannot be called with two items, or does not return a bool");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::max() keeps an item, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return ok && kept;
    }

    template <class Less = std::less<>>
    constexpr auto operator()(Less less = {}) const {
        return with(std::move(less));
    }
};

/// max(): the largest item, or std::nullopt when the stream has no items. max(less): the largest as less orders
/// them. Of several that are equal it is the first.
///
///     const std::optional<int> x = co_await (numbers() | weir::max());
///
/// Errors: upstream's, and what less throws; the item held is destroyed.
/// Cost: no allocation; one item held.
/// See: min, reduce.
inline constexpr max_fn max{};

} // namespace weir

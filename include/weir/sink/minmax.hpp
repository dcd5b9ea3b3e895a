// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

/// Keeps the first of the smallest items and the first of the largest.
template <class T, class Less>
class both_ends {
public:
    using result_type = std::optional<std::pair<T, T>>;
    static constexpr held_bound held{.items = 2};
    static constexpr bool may_stop = may_drop<Less>;

    explicit both_ends(Less less) : less_(std::move(less)) {}

    bool add(T&& item) {
        const T& seen = item;
        if (!smallest_) {
            smallest_.emplace(seen);
            largest_.emplace(std::move(item));
        } else if (std::invoke(less_, seen, std::as_const(*smallest_))) {
            smallest_.emplace(std::move(item));
        } else if (std::invoke(less_, std::as_const(*largest_), seen)) {
            largest_.emplace(std::move(item));
        }
        return true;
    }
    result_type finish() {
        if (!smallest_) return std::nullopt;
        return result_type(std::in_place, std::move(*smallest_), std::move(*largest_));
    }

private:
    std::optional<T> smallest_;
    std::optional<T> largest_;
    [[no_unique_address]] Less less_;
};

} // namespace detail

struct minmax_fn : detail::operator_fn<minmax_fn> {
    template <class S, class Less>
    using pipeline = detail::accumulating_sink<S, detail::both_ends<item_t<S>, Less>>;

    template <class T, class Less>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Less&, const T&, const T&>;
        static_assert(ok, "weir::minmax(less): less cannot be called with two items, or does not return a bool");
        constexpr bool copies = std::copy_constructible<T>;
        static_assert(copies, "weir::minmax(): the first item is the smallest and the largest, and these items cannot "
                              "be copied");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::minmax() keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return ok && copies && kept;
    }

    template <class Less = std::less<>>
    constexpr auto operator()(Less less = {}) const {
        return with(std::move(less));
    }
};

/// minmax(): the smallest and the largest item, or std::nullopt for a stream without items. minmax(less): as less
/// orders them. Of several equal items the first counts, as with min and max.
///
///     const auto range = co_await (temperatures() | weir::minmax()); // std::optional<std::pair<T, T>>
///
/// Errors: upstream's, and what less throws; the items held are destroyed.
/// Cost: no allocation; two items held, and one copy of the first.
/// See: min, max.
inline constexpr minmax_fn minmax{};

} // namespace weir

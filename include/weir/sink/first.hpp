// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T>
class keep_first {
public:
    using result_type = std::optional<T>;
    static constexpr held_bound held{.items = 1};

    bool add(T&& item) {
        first_.emplace(std::move(item));
        return false;
    }
    std::optional<T> finish() { return std::move(first_); }

private:
    std::optional<T> first_;
};

} // namespace detail

struct first_fn : detail::operator_fn<first_fn> {
    template <class S>
    using pipeline = detail::accumulating_sink<S, detail::keep_first<item_t<S>>>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::first(): keeps an item, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return kept;
    }
};

/// first(): the first item, or std::nullopt when the stream has no items. Upstream is not asked for a second item.
///
///     const std::optional<int> x = co_await (numbers() | weir::first());
///
/// Errors: upstream's, while no item has arrived.
/// Cost: no allocation.
/// See: last, take, next.
inline constexpr first_fn first{};

} // namespace weir

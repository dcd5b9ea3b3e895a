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
class keep_last {
public:
    using result_type = std::optional<T>;
    static constexpr held_bound held{.items = 1};

    bool add(T&& item) {
        last_.emplace(std::move(item));
        return true;
    }
    std::optional<T> finish() { return std::move(last_); }

private:
    std::optional<T> last_;
};

} // namespace detail

struct last_fn : detail::operator_fn<last_fn> {
    template <class S>
    using pipeline = detail::accumulating_sink<S, detail::keep_last<item_t<S>>>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::last(): keeps an item, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return kept;
    }
};

/// last(): the last item, or std::nullopt when the stream has no items.
///
///     const std::optional<int> x = co_await (numbers() | weir::last());
///
/// Errors: upstream's; the item held is destroyed.
/// Cost: no allocation; one item held.
/// See: first, fold.
inline constexpr last_fn last{};

} // namespace weir

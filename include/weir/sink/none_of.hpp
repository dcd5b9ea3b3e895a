// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/search.hpp>

namespace weir {

struct none_of_fn : detail::operator_fn<none_of_fn> {
    template <class S, class Pred>
    using pipeline = detail::accumulating_sink<S, detail::search_none<item_t<S>, Pred>>;

    template <class T, class Pred>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Pred&, const T&>;
        static_assert(ok, "weir::none_of(pred): pred cannot be called with an item, or does not return a bool");
        return ok;
    }
};

/// none_of(pred): whether pred holds for no item.
///
///     const bool clean = co_await (lines() | weir::none_of(is_malformed));
///
/// Upstream is dropped at the first item for which pred holds. The answer is true for a stream without items.
///
/// Errors: upstream's before the answer is known, and what pred throws.
/// Cost: no allocation.
/// See: any_of, all_of.
inline constexpr none_of_fn none_of{};

} // namespace weir

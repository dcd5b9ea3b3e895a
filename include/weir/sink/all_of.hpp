// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/search.hpp>

namespace weir {

struct all_of_fn : detail::operator_fn<all_of_fn> {
    template <class S, class Pred>
    using pipeline = detail::accumulating_sink<S, detail::search_all<item_t<S>, Pred>>;

    template <class T, class Pred>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Pred&, const T&>;
        static_assert(ok, "weir::all_of(pred): pred cannot be called with an item, or does not return a bool");
        return ok;
    }
};

/// all_of(pred): whether pred holds for every item.
///
///     const bool valid = co_await (rows() | weir::all_of(is_valid));
///
/// Upstream is dropped at the first item for which pred does not hold. The answer is true for a stream without items.
///
/// Errors: upstream's before the answer is known, and what pred throws.
/// Cost: no allocation.
/// See: any_of, none_of.
inline constexpr all_of_fn all_of{};

} // namespace weir

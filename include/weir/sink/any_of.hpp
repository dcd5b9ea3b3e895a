// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/search.hpp>

namespace weir {

struct any_of_fn : detail::operator_fn<any_of_fn> {
    template <class S, class Pred>
    using pipeline = detail::accumulating_sink<S, detail::search_any<item_t<S>, Pred>>;

    template <class T, class Pred>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Pred&, const T&>;
        static_assert(ok, "weir::any_of(pred): pred cannot be called with an item, or does not return a bool");
        return ok;
    }
};

/// any_of(pred): whether pred holds for an item.
///
///     const bool failed = co_await (answers() | weir::any_of(is_error));
///
/// Upstream is dropped at the first item for which pred holds. The answer is false for a stream without items.
///
/// Errors: upstream's before the answer is known, and what pred throws.
/// Cost: no allocation.
/// See: all_of, none_of, first.
inline constexpr any_of_fn any_of{};

} // namespace weir

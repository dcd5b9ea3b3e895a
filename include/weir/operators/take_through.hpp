// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/take_while.hpp>

namespace weir {

struct take_through_fn : detail::operator_fn<take_through_fn> {
    template <class S, class Keep>
    using pipeline = take_while_stream<S, Keep, detail::last_item::kept>;

    template <class T, class Keep>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Keep&, const T&>;
        static_assert(ok, "weir::take_through(keep): keep cannot be called with an item, or does not return a bool");
        return ok;
    }
};

/// take_through(keep): the items before the first for which keep returns false, that item, then the end. It is
/// take_while with the item that ends it; the name is that of fs2.
///
///     in                   --1--2--3--1--|
///     take_through(x<3)    --1--2--3|
///
/// Ends: after that item, or with upstream; upstream is destroyed first, and is not polled for another item.
/// Errors: upstream's, and what keep throws.
/// Cost: no allocation; no item held.
/// See: take_while, take, take_until.
inline constexpr take_through_fn take_through{};

} // namespace weir

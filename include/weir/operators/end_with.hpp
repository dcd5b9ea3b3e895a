// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/concat.hpp>
#include <weir/operators/detail/few_items.hpp>

namespace weir {

struct end_with_fn : detail::operator_fn<end_with_fn> {
    template <class T, class First, class... Rest>
    static consteval bool accepts() {
        constexpr bool ok = (std::convertible_to<First, T> && ... && std::convertible_to<Rest, T>);
        static_assert(ok, "weir::end_with(values...): a value does not convert to the stream's item type");
        return ok;
    }

    template <stream S, class... Values>
    static constexpr auto attach(S left, Values... values) {
        using value = detail::one_value<item_t<S>>;
        return concat(std::move(left), value(static_cast<item_t<S>>(std::move(values)))...);
    }

    template <class... Values>
        requires(sizeof...(Values) != 0)
    constexpr auto operator()(Values... values) const {
        return with(std::move(values)...);
    }
};

/// end_with(values...): the items, and then the values.
///
///     in              --a--b--|
///     end_with(x, y)  --a--b--[xy|]
///
/// Ends: after the values; upstream is destroyed before the first of them.
/// Errors: upstream's, without the values.
/// Cost: no allocation; the values are held.
/// See: start_with, concat, default_if_empty.
inline constexpr end_with_fn end_with{};

} // namespace weir

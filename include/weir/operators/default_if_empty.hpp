// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/few_items.hpp>
#include <weir/operators/or_else.hpp>

namespace weir {

struct default_if_empty_fn : detail::operator_fn<default_if_empty_fn> {
    template <class T, class Value>
    static consteval bool accepts() {
        constexpr bool streams = stream<Value>;
        static_assert(!streams, "weir::default_if_empty(value): takes a value; write or_else(stream) for a stream");
        constexpr bool ok = streams || std::convertible_to<Value, T>;
        static_assert(ok, "weir::default_if_empty(value): the value does not convert to the stream's item type");
        return ok && !streams;
    }

    template <stream S, class Value>
    static constexpr auto attach(S left, Value value) {
        using other = detail::one_value<item_t<S>>;
        return or_else_stream<S, other>(std::move(left), other(static_cast<item_t<S>>(std::move(value))));
    }
};

/// default_if_empty(value): the items, or the value when upstream ends without an item.
///
///     in                   ------|
///     default_if_empty(0)  ------[0|]
///
/// Ends: with upstream, or after the value. Errors: upstream's.
/// Cost: no allocation; the value is held.
/// See: or_else for a stream, start_with, first.
inline constexpr default_if_empty_fn default_if_empty{};

} // namespace weir

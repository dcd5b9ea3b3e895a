// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/concat_map.hpp>
#include <weir/operators/map_concat.hpp>

namespace weir {

namespace detail {

struct item_itself {
    template <class T>
    T operator()(T item) const {
        return item;
    }
};

} // namespace detail

struct flatten_fn : detail::operator_fn<flatten_fn> {
    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = stream<T> || detail::readable_range<T>;
        static_assert(ok, "weir::flatten(): the items are neither streams nor ranges");
        return ok;
    }

    template <stream S>
    static constexpr auto attach(S left) {
        if constexpr (stream<item_t<S>>) {
            return concat_map_stream<S, detail::item_itself>(std::move(left), {});
        } else {
            return map_concat_stream<S, detail::item_itself>(std::move(left), {});
        }
    }
};

/// flatten(): the items of a stream's streams or ranges, one after the other.
///
///     in         --[12]---[3]----|
///     flatten()  --[12]---3------|
///
/// Upstream is polled for its next stream or range when the last one has ended, not before.
///
/// Ends: with upstream, after the last inner stream.
/// Errors: upstream's, and those of the present inner stream, at once.
/// Cost: no allocation; one inner stream or range held.
/// See: concat_map and map_concat, which make the inner streams; flat_map for several at a time.
inline constexpr flatten_fn flatten{};

} // namespace weir

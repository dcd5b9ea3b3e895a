// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/in_flight.hpp>

namespace weir {

/// The items of the streams that a function returns, which run beside each other, in the order of the streams.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] flat_map_ordered_stream
    : public detail::in_flight_stream<S, F, detail::inner_streams, detail::delivery::as_started> {
public:
    using flat_map_ordered_stream::in_flight_stream::in_flight_stream;
};

struct flat_map_ordered_fn : detail::operator_fn<flat_map_ordered_fn> {
    template <class S, class N, class F>
    using pipeline = flat_map_ordered_stream<S, F>;

    template <class T, class N, class F>
    static consteval bool accepts() {
        constexpr bool awaited = detail::returns_operation<F&, T>;
        static_assert(!awaited, "weir::flat_map_ordered(n, f): f returns a task or another operation, and not a "
                                "stream; write map_async(n, f)");
        constexpr bool ranged = detail::gives_range<F&, T>;
        static_assert(!ranged,
                      "weir::flat_map_ordered(n, f): f returns a range, and not a stream; write map_concat(f)");
        constexpr bool ok = detail::gives_stream<F&, T> || awaited || ranged;
        static_assert(ok, "weir::flat_map_ordered(n, f): f cannot be called with an item, or does not return a stream");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::flat_map_ordered(n, f) keeps items, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        return ok && !awaited && !ranged && kept;
    }

    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return with(detail::at_least_one(n, "weir::flat_map_ordered(n, f): n must be at least 1"), std::move(f));
    }
};

/// flat_map_ordered(n, f): all items of f(a), then all of f(b), and so on, as concat_map; up to n of these streams run
/// beside each other.
///
///     in                      ab---|
///     flat_map_ordered(2, f)  ------1-2-3[123]|          where f returns ------1-2-3|
///     concat_map(f)           ------1-2-3------1-2-3|
///
/// From the first poll on, upstream is polled as long as fewer than n streams have started and not been delivered in
/// full, whether or not the consumer is busy. Each of them is polled for its first item at once, and for the others
/// when all streams before it have ended. A stream whose f adds buffer(m) runs up to m items ahead. f and the item of
/// an inner stream exist until that stream has ended.
///
/// Ends: when upstream and all inner streams have ended.
/// Errors: upstream's, after the items of all streams that have started; an inner stream's or f's in its place, after
/// the items before it. Upstream and the streams that started later are dropped at once.
/// Dropped: the items held are lost.
/// Cost: one allocation per inner stream at a time, reused; up to n items held, and the n items of the inner streams.
/// See: concat_map, flat_map, map_async.
///
/// @param n  the maximum number of inner streams at a time
/// @throws std::invalid_argument when n is less than 1
inline constexpr flat_map_ordered_fn flat_map_ordered{};

} // namespace weir

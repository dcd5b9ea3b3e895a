// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/in_flight.hpp>

namespace weir {

/// Options of flat_map.
struct flat_map_options {
    /// Whether an error is delayed until upstream and all inner streams have ended. The first error is then delivered.
    bool delay_error = false;
};

/// The items of the streams that a function returns, a limited number of streams at a time.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] flat_map_stream
    : public detail::in_flight_stream<S, F, detail::inner_streams, detail::delivery::as_ready> {
public:
    using flat_map_stream::in_flight_stream::in_flight_stream;
};

struct flat_map_fn : detail::operator_fn<flat_map_fn> {
    template <class S, class N, class F, class DelayError>
    using pipeline = flat_map_stream<S, F>;

    template <class T, class N, class F, class DelayError>
    static consteval bool accepts() {
        constexpr bool awaited = detail::returns_operation<F&, T>;
        static_assert(!awaited, "weir::flat_map(n, f): f returns a task or another operation, and not a stream; write "
                                "map_async_unordered(n, f)");
        constexpr bool ranged = detail::gives_range<F&, T>;
        static_assert(!ranged, "weir::flat_map(n, f): f returns a range, and not a stream; write map_concat(f)");
        constexpr bool ok = detail::gives_stream<F&, T> || awaited || ranged;
        static_assert(ok, "weir::flat_map(n, f): f cannot be called with an item, or does not return a stream");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::flat_map(n, f) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return ok && !awaited && !ranged && kept;
    }

    template <std::integral N, class F>
    constexpr auto operator()(N n, F f, flat_map_options options = {}) const {
        const std::size_t limit = detail::at_least_one(n, "weir::flat_map(n, f): n must be at least 1");
        return with(limit, std::move(f), options.delay_error);
    }
    template <class F>
    constexpr auto operator()(F) const {
        static_assert(detail::always_false<F>,
                      "weir::flat_map(n, f): say how many inner streams may be there at once, or use concat_map(f)");
        return detail::invalid_closure();
    }
};

/// flat_map(n, f): the items of the streams f(a), f(b), ..., of which at most n run at a time, as they arrive.
///
///     in              --a--b------|
///     flat_map(2, f)  --1-21-23--3|     where f returns 1-2---3|
///
/// From the first poll on, upstream is polled as soon as there are fewer than n inner streams, and each inner stream as
/// soon as its previous item was taken, whether or not the consumer is busy. f and the item of an inner stream exist
/// until that stream has ended. The cost per item does not grow with n.
///
/// Ends: when upstream and all inner streams have ended.
/// Errors: upstream's, after the remaining inner streams have ended; an inner stream's or f's, after the items that
/// were ready before, and upstream and the other inner streams are dropped at once. flat_map(n, f, {.delay_error =
/// true}) continues without the failed stream until all have ended.
/// Dropped: the items held are lost.
/// Cost: one allocation per inner stream at a time, reused; up to n items held, and the n items of the inner streams.
/// See: concat_map, switch_map, map_async, merge.
///
/// @param n  the maximum number of inner streams at a time
/// @throws std::invalid_argument when n is less than 1
inline constexpr flat_map_fn flat_map{};

} // namespace weir

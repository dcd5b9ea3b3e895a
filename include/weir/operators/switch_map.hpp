// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/operators/detail/one_inner.hpp>

namespace weir {

/// The items of the stream that a function returned for the newest item of an upstream.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] switch_map_stream
    : public detail::one_inner<switch_map_stream<S, F>, S, F> {
    using base = detail::one_inner<switch_map_stream<S, F>, S, F>;
    friend base;

public:
    using value_type = typename base::value_type;

    switch_map_stream(S upstream, F f) : base(std::move(upstream), std::move(f)) {}

private:
    poll<value_type> poll_streams(context& cx) {
        for (;;) {
            if (this->upstream_ready()) {
                turn_to_newest(cx);
                if (cx.stopping()) return pending;
            }
            if (this->inner()) {
                // The inner stream is polled before upstream, because an upstream that is always ready would
                // otherwise replace every inner stream before its first item.
                auto item = this->inner()->poll_next(cx);
                if (cx.stopping()) return item;
                // When upstream has failed, this poll was to show whether there was an item before the error.
                if (item.is_done() || this->upstream_failed()) this->drop_inner();
                if (item.is_item()) return item;
            }
            if (!this->upstream_ready()) return pending;
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
    }

    void turn_to_newest(context& cx) {
        auto newest = this->poll_upstream(cx);
        if (!newest.is_item() || cx.stopping()) return;
        this->drop_inner();
        if (!cx.stopping()) this->start_inner(*std::move(newest), cx);
    }
};

struct switch_map_fn : detail::operator_fn<switch_map_fn> {
    template <class S, class F>
    using pipeline = switch_map_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool awaited = detail::returns_operation<F&, T>;
        static_assert(
            !awaited,
            "weir::switch_map(f): f returns a task or another operation, and not a stream; write once(operation) in f");
        constexpr bool ranged = detail::gives_range<F&, T>;
        static_assert(!ranged, "weir::switch_map(f): f returns a range, and not a stream; write map_concat(f)");
        constexpr bool ok = detail::gives_stream<F&, T> || awaited || ranged;
        static_assert(ok, "weir::switch_map(f): f cannot be called with an item, or does not return a stream");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::switch_map(f) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return ok && !awaited && !ranged && kept;
    }
};

/// switch_map(f): the items of the stream f(a), until b arrives, then those of f(b), and so on.
///
///     in             --a----b--------|
///     switch_map(f)  ---1-2--1-2-3-4-|     where f returns -1-2-3-4|
///
/// Upstream is polled for the next item while an inner stream runs. When the item arrives, the old inner stream is
/// destroyed before f is called. f and the item of an inner stream exist as long as that stream.
///
/// Ends: when upstream and the last inner stream have ended.
/// Errors: an inner stream's and f's exceptions, at once. An error of upstream replaces the inner stream as a new item
/// would, but is delivered after an item that the inner stream has ready. All streams are destroyed first.
/// Dropped: a replaced inner stream loses its remaining items by design.
/// Cost: no allocation; one inner stream, and the item that it was made of.
/// See: exhaust_map, concat_map, flat_map, take_until.
inline constexpr switch_map_fn switch_map{};

} // namespace weir

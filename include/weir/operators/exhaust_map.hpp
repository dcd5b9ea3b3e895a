// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/operators/detail/one_inner.hpp>

namespace weir {

/// The items of the stream that a function returned for an item of an upstream, whose further items are dropped until
/// that stream has ended.
template <stream S, class F, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] exhaust_map_stream
    : public detail::one_inner<exhaust_map_stream<S, F, OnDrop>, S, F> {
    using base = detail::one_inner<exhaust_map_stream<S, F, OnDrop>, S, F>;
    friend base;

public:
    using value_type = typename base::value_type;

    exhaust_map_stream(S upstream, F f, OnDrop on_drop)
        : base(std::move(upstream), std::move(f)), on_drop_(std::move(on_drop)) {}

private:
    poll<value_type> poll_streams(context& cx) {
        bool inner_waits = false;
        for (;;) {
            // The inner stream is polled before upstream: an item that arrives as it ends is not dropped.
            if (this->inner() && !inner_waits) {
                auto item = this->inner()->poll_next(cx);
                if (cx.stopping() || item.is_item()) return item;
                inner_waits = item.is_pending();
                if (!inner_waits) this->drop_inner();
                if (cx.leaving()) return cx.yield();
            }
            if (!this->upstream_ready()) return pending;
            start_or_drop(this->poll_upstream(cx), cx);
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
    }

    void start_or_drop(poll<item_t<S>> next, context& cx) {
        if (!next.is_item() || cx.stopping()) return;
        if (this->inner()) {
            detail::drop_item(on_drop_, *std::move(next), drop_reason::suppressed);
        } else {
            this->start_inner(*std::move(next), cx);
        }
    }

    [[no_unique_address]] OnDrop on_drop_;
};

struct exhaust_map_fn : detail::operator_fn<exhaust_map_fn> {
    template <class S, class F, class OnDrop>
    using pipeline = exhaust_map_stream<S, F, OnDrop>;

    template <class T, class F, class OnDrop>
    static consteval bool accepts() {
        constexpr bool awaited = detail::returns_operation<F&, T>;
        static_assert(!awaited, "weir::exhaust_map(f): f returns a task or another operation, and not a stream; write "
                                "once(operation) in f");
        constexpr bool ranged = detail::gives_range<F&, T>;
        static_assert(!ranged, "weir::exhaust_map(f): f returns a range, and not a stream; write map_concat(f)");
        constexpr bool ok = detail::gives_stream<F&, T> || awaited || ranged;
        static_assert(ok, "weir::exhaust_map(f): f cannot be called with an item, or does not return a stream");
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops, "weir::exhaust_map(f, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), or returns an operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::exhaust_map(f) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return ok && !awaited && !ranged && drops && kept;
    }

    template <class F, class OnDrop = detail::drop_silently>
    constexpr auto operator()(F f, OnDrop on_drop = {}) const {
        return with(std::move(f), std::move(on_drop));
    }
};

/// exhaust_map(f): the items of the stream f(a); items of upstream that arrive before it has ended are dropped.
///
///     in              --a-b-c-------d---|
///     exhaust_map(f)  --1-2-3-------1-2-3|     where f returns 1-2-3|
///
/// Upstream is polled while an inner stream runs, whenever the consumer waits for that stream; what has arrived is
/// dropped then, as RxJS does. While the consumer is busy upstream is not asked. An item that arrives in the same turn
/// as the end of the inner stream is not dropped. f and the item of an inner stream exist as long as that stream.
///
/// Ends: when upstream and the inner stream have ended.
/// Errors: an inner stream's, f's exceptions, at once; upstream's when the inner stream has ended. All
/// streams are destroyed first.
/// Dropped: items that arrive while an inner stream runs are passed to on_drop, the second argument, if there is one.
/// Cost: no allocation; one inner stream, and the item that it was made of.
/// See: switch_map, concat_map, throttle.
inline constexpr exhaust_map_fn exhaust_map{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream, before each of which a function is called when it is asked for.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] on_demand_stream {
public:
    using value_type = item_t<S>;

    on_demand_stream(S upstream, F f) : upstream_(std::move(upstream)), f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        if (!ask(cx)) return cx.yield();
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) asked_ = false;
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!ask(cx)) return detail::yield_loop(cx);
        const auto pass_on = [&](value_type&& item) {
            asked_ = false;
            if (!consume(std::move(item))) return false;
            if (!cx.leaving()) static_cast<void>(ask(cx));
            return true;
        };
        constexpr bool may_stop = detail::may_drop<F> || detail::may_drop_at_end<value_type>;
        return detail::poll_each_unless_dropped<may_stop>(upstream_, cx, pass_on);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    /// Calls f unless it was called for the item that comes next. Returns false when f has dropped what runs.
    bool ask(context& cx) {
        if (asked_) return true;
        asked_ = true;
        static_cast<void>(std::invoke(f_));
        return !detail::may_drop<F> || !cx.stopping();
    }

    S upstream_;
    [[no_unique_address]] F f_;
    bool asked_ = false; // since the last item
};

struct on_demand_fn : detail::operator_fn<on_demand_fn> {
    template <class S, class F>
    using pipeline = on_demand_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool called = std::invocable<F&>;
        static_assert(called, "weir::on_demand(f): f cannot be called without arguments");
        constexpr bool vanishes = detail::returns_work<F&>;
        static_assert(!vanishes, "weir::on_demand(f): f returns an operation or a stream, and nothing would await it");
        return called && !vanishes;
    }
};

/// on_demand(f): calls f whenever the consumer asks for an item, before upstream is asked. Items pass unchanged.
///
///     in            ----a--------b--|
///     consumer      asks    asks  asks
///     on_demand(f)  ----a--------b--|
///     f             x       x    x
///
/// f is called once per item and once for the end, however often the consumer polls until it gets an answer. The time
/// between an item and the next call is the time that the consumer was busy. It is Reactor's doOnRequest, with requests
/// of one item each.
///
/// Ends: with upstream. Errors: upstream's, and what f throws.
/// Cost: no allocation; no item held.
/// See: inspect (for items), defer (for the first poll), finally, meter (measures the consumer).
inline constexpr on_demand_fn on_demand{};

} // namespace weir

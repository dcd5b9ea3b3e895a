// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/side_sink.hpp>

namespace weir {

/// The items of an upstream without those for which a predicate holds, which go to a sink.
template <stream S, class Sink, class Pred, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] divert_to_stream : public detail::in_step_with_a_sink<S, Sink> {
public:
    using value_type = item_t<S>;

    divert_to_stream(S upstream, Sink sink, Pred pred, OnDrop on_drop)
        : divert_to_stream::in_step_with_a_sink(std::move(upstream), std::move(sink), with_on_drop(std::move(on_drop))),
          pred_(std::move(pred)) {}

    poll<value_type> poll_next(context& cx) {
        auto& side = this->side();
        if (!side.drive(cx)) return pending;
        while (this->open()) {
            if (!this->ready(cx)) return pending;
            bool diverted = false;
            auto item = this->ask(cx, [&](const value_type& x) { diverted = std::invoke(pred_, x); });
            if (item.is_pending() && !cx.stopping()) side.wait(cx);
            if (item.is_pending() || (item.is_item() && !diverted)) return item;
            if (item.is_item()) side.queue().give(*std::move(item));
            if (cx.stopping() || !side.drive(cx)) return pending;
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
        return this->end(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        auto& side = this->side();
        if (!side.drive(cx)) return flow::pending;
        while (this->open()) {
            if (!this->ready(cx)) return flow::pending;
            bool wanted = true;
            const auto pass_or_divert = [&](value_type&& item, auto& consumer, context& own) {
                const bool diverted = std::invoke(pred_, std::as_const(item));
                if (detail::may_drop<Pred> && cx.stopping()) [[unlikely]]
                    return true; // the loop ends
                if (!diverted) return wanted = consumer(std::move(item));
                side.queue().give(std::move(item));
                if (cx.leaving()) [[unlikely]]
                    return true;
                return side.drive_in_loop(own) && !side.queue().full();
            };
            const flow answer = this->for_each_ready(cx, consume, pass_or_divert);
            if (answer == flow::pending && !cx.stopping()) side.wait(cx);
            if (answer == flow::pending || (answer == flow::stopped && !wanted)) return answer;
            if (cx.stopping() || !side.drive(cx)) return flow::pending;
        }
        return this->end(cx).is_done() ? flow::done : flow::pending;
    }

private:
    static detail::side_options<value_type> with_on_drop(OnDrop on_drop) {
        detail::side_options<value_type> result;
        if constexpr (!std::is_same_v<OnDrop, detail::drop_silently>) result.on_drop = std::move(on_drop);
        return result;
    }

    [[no_unique_address]] Pred pred_;
};

struct divert_to_fn : detail::operator_fn<divert_to_fn> {
    template <class S, class Sink, class Pred, class OnDrop>
    using pipeline = divert_to_stream<S, Sink, Pred, OnDrop>;

    template <class T, class Sink, class Pred, class OnDrop>
    static consteval bool accepts() {
        constexpr bool asked = std::predicate<Pred&, const T&>;
        static_assert(asked, "weir::divert_to(sink, pred): pred cannot be called with an item, or does not return a "
                             "bool");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::divert_to(sink, pred) keeps items, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        constexpr bool drops = detail::drops_items<OnDrop, T> && std::copy_constructible<OnDrop>;
        static_assert(drops, "weir::divert_to(sink, pred, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), cannot be "
                             "copied, or returns an operation or a stream, which nothing would await");
        if constexpr (asked && kept && drops) {
            constexpr bool ok = detail::is_side_sink<T, Sink>();
            static_assert(ok, "weir::divert_to(sink, pred): takes what ends in a sink, such as for_each(f) or "
                              "map(f) | write(path)");
            return ok;
        }
        return false;
    }

    template <class Sink, class Pred, class OnDrop = detail::drop_silently>
    constexpr auto operator()(Sink sink, Pred pred, OnDrop on_drop = {}) const {
        return with(std::move(sink), std::move(pred), std::move(on_drop));
    }
};

/// divert_to(sink, pred): the items for which pred does not hold. The others go to the sink.
///
///     in                       --a--B--c--D--|
///     divert_to(sink, upper)   --a-----c-----|
///     sink                     -----B-----D--|
///
///     co_await (orders() | weir::divert_to(weir::map(to_line) | weir::write("rejected.log"), is_invalid) |
///               weir::for_each(ship));
///
/// The sink runs beside the stream, on its own waker. While it has not taken the last item that was diverted, upstream
/// is not asked. When the sink ends early, the stream continues without it, and later items for it are dropped.
///
/// Ends: with upstream, when the sink has seen the end and has ended.
/// Errors: upstream's and what pred throws, when the sink has seen the error too and has ended; those of the sink, at
/// once. Upstream is destroyed first.
/// Dropped: the sink is destroyed. Items that it does not receive are passed to on_drop, the third argument, if there
/// is one.
/// Cost: an allocation at the start; no copy; one item held.
/// See: partition (two streams), also_to (each item goes both ways), filter.
inline constexpr divert_to_fn divert_to{};

} // namespace weir

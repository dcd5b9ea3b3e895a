// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/side_sink.hpp>

namespace weir {

/// The items of an upstream, each of which goes to a sink as well.
template <stream S, class Sink>
class [[nodiscard("add a sink and co_await it")]] also_to_stream : public detail::in_step_with_a_sink<S, Sink> {
public:
    using value_type = item_t<S>;

    also_to_stream(S upstream, Sink sink)
        : also_to_stream::in_step_with_a_sink(std::move(upstream), std::move(sink), {}) {}

    poll<value_type> poll_next(context& cx) {
        auto& side = this->side();
        if (!side.drive(cx)) return pending;
        if (this->open()) {
            if (!this->ready(cx)) return pending;
            auto item = this->pass(cx);
            if (item.is_pending() && !cx.stopping()) side.wait(cx);
            if (!item.is_done()) return item;
            if (!side.drive(cx)) return pending;
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
            const flow answer = this->template pass_each<true>(cx, consume, wanted);
            if (answer == flow::pending && !cx.stopping()) side.wait(cx);
            if (answer == flow::pending || (answer == flow::stopped && !wanted)) return answer;
            if (answer == flow::done && !side.drive(cx)) return flow::pending;
        }
        return this->end(cx).is_done() ? flow::done : flow::pending;
    }
};

struct also_to_fn : detail::operator_fn<also_to_fn> {
    template <class S, class Sink>
    using pipeline = also_to_stream<S, Sink>;

    template <class T, class Sink>
    static consteval bool accepts() {
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied, "weir::also_to(sink): the sink gets a copy of each item, and these items cannot be "
                              "copied; send a std::shared_ptr to them");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::also_to(sink) keeps items, and these borrow their memory; put to_owned() before it, "
                            "or outlives(view) around what outlives it");
        if constexpr (copied && kept) {
            constexpr bool ok = detail::is_side_sink<T, Sink>();
            static_assert(ok, "weir::also_to(sink): takes what ends in a sink, such as for_each(f) or "
                              "map(f) | write(path)");
            return ok;
        }
        return false;
    }
};

/// also_to(sink): the items, each of which goes to the sink as well.
///
///     in              --a--b--c--|
///     also_to(sink)   --a--b--c--|
///     sink            --a--b--c--|
///
///     co_await (orders() | weir::also_to(weir::map(to_line) | weir::write("orders.log")) | weir::for_each(ship));
///
/// The sink runs beside the stream, on its own waker. It receives a copy of an item before the consumer receives the
/// item. While the sink has not taken the last copy, upstream is not asked: the slower of the two sets the pace. When
/// the sink ends early, the stream continues without it.
///
/// Ends: with upstream, when the sink has seen the end and has ended.
/// Errors: upstream's, when the sink has seen the error too and has ended; those of the sink, at once. Upstream is
/// destroyed first.
/// Dropped: the sink is destroyed.
/// Cost: an allocation at the start; one copy per item; one item held.
/// See: divert_to, wire_tap (never slows the stream), broadcast_through, share, inspect.
inline constexpr also_to_fn also_to{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <exception>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/operators/detail/side_sink.hpp>

namespace weir {

struct wire_tap_options {
    /// The maximum number of items held for the sink, >= 1.
    std::size_t capacity = 16;
    /// Which item is dropped when `capacity` items are held: overflow::drop_newest, drop_oldest or latest.
    weir::overflow overflow = weir::overflow::drop_newest;
};

/// The items of an upstream, of which a sink sees those for which it has time.
template <stream S, class Sink, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] wire_tap_stream : public detail::beside_a_sink<S, Sink> {
public:
    using value_type = item_t<S>;

    wire_tap_stream(S upstream, Sink sink, wire_tap_options options, OnDrop on_drop, std::source_location place)
        : wire_tap_stream::beside_a_sink(std::move(upstream), std::move(sink), held(options, std::move(on_drop))),
          place_{place} {}

    poll<value_type> poll_next(context& cx) {
        if (!this->side().drive(cx) || !reported(cx)) return pending;
        auto item = this->pass(cx);
        if (!item.is_done()) return item;
        return end(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!this->side().drive(cx)) return flow::pending;
        for (bool wanted = true;;) {
            if (!reported(cx)) return flow::pending;
            const flow answer = this->template pass_each<false>(cx, consume, wanted);
            if (answer == flow::pending || (answer == flow::stopped && !wanted)) return answer;
            if (answer == flow::done) return end(cx).is_done() ? flow::done : flow::pending;
        }
    }

private:
    /// Reports an error of the sink. Returns false when the handler has dropped what runs.
    bool reported(context& cx) {
        if (!this->side().failed()) [[likely]]
            return true;
        if (!cx.stopping()) cx.executor().report(this->side().take_error(), place_, "the sink of a wire_tap");
        return !cx.stopping();
    }

    /// Lets the sink do what it can do without waiting, after upstream has ended.
    poll<value_type> end(context& cx) {
        if (!this->side().drive(cx)) return pending;
        // After an error of upstream, which the consumer receives, the sink fails with the same error.
        if (!this->failed() && !reported(cx)) return pending;
        this->side().drop();
        if (cx.stopping()) return pending;
        return this->finish();
    }

    static detail::side_options<value_type> held(wire_tap_options options, OnDrop on_drop) {
        detail::side_options<value_type> result;
        result.capacity = options.capacity;
        result.overflow = options.overflow;
        if constexpr (!std::is_same_v<OnDrop, detail::drop_silently>) result.on_drop = std::move(on_drop);
        return result;
    }

    std::source_location place_;
};

struct wire_tap_fn : detail::operator_fn<wire_tap_fn> {
    template <class S, class Sink, class Options, class OnDrop, class Place>
    using pipeline = wire_tap_stream<S, Sink, OnDrop>;

    template <class T, class Sink, class Options, class OnDrop, class Place>
    static consteval bool accepts() {
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied, "weir::wire_tap(sink): the sink gets a copy of an item, and these items cannot be "
                              "copied; send a std::shared_ptr to them");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::wire_tap(sink) keeps items, and these borrow their memory; put to_owned() before "
                            "it, or outlives(view) around what outlives it");
        constexpr bool drops = detail::drops_items<OnDrop, T> && std::copy_constructible<OnDrop>;
        static_assert(
            drops,
            "weir::wire_tap(sink, options, on_drop): on_drop cannot be called with (item) or (item, drop_reason), "
            "cannot be copied, or returns an operation or a stream, which nothing would await");
        if constexpr (copied && kept && drops) {
            constexpr bool ok = detail::is_side_sink<T, Sink>();
            static_assert(ok, "weir::wire_tap(sink): takes what ends in a sink, such as for_each(f) or "
                              "map(f) | write(path)");
            return ok;
        }
        return false;
    }

    template <class Sink, class OnDrop = detail::drop_silently>
    constexpr auto operator()(Sink sink, wire_tap_options options = {}, OnDrop on_drop = {},
                              std::source_location place = std::source_location::current()) const {
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::wire_tap({.capacity}): capacity must be at least 1"};
        }
        if (options.overflow == overflow::suspend || options.overflow == overflow::error) {
            throw std::invalid_argument{"weir::wire_tap({.overflow}): takes drop_newest, drop_oldest or latest"};
        }
        return with(std::move(sink), options, std::move(on_drop), place);
    }
};

/// wire_tap(sink): the items, and copies of them for the sink as long as it keeps up. The sink never slows the stream.
///
///     in              --a-b-c-d-e-----|
///     wire_tap(sink)  --a-b-c-d-e-----|
///     sink            --a-----b-----c--     where it takes six ticks for an item, and {.capacity = 2}: e is dropped
///
/// The sink runs beside the stream, on its own waker. Up to {.capacity} items are held for it, 16 unless said
/// otherwise; what happens to one more is decided by {.overflow}. At the end of upstream the sink sees the end, and
/// does what it can do without waiting; then it is destroyed, with the items that are held for it. When the sink ends
/// or fails early, the stream continues without it.
///
/// Ends: with upstream. Errors: upstream's. An error of the sink goes to the executor's error handler, at the next
/// poll.
/// Dropped: the sink is destroyed. Items that it does not receive are passed to on_drop, the third argument, if there
/// is one.
/// Cost: an allocation at the start; one copy per item; up to {.capacity} items held.
/// See: also_to (waits for the sink), inspect, meter.
///
/// @throws std::invalid_argument when an option makes no sense
inline constexpr wire_tap_fn wire_tap{};

} // namespace weir

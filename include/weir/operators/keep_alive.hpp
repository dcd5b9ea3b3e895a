// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>

namespace weir {

/// The items of an upstream, and others while it is silent.
template <stream S, class Make>
class [[nodiscard("add a sink and co_await it")]] keep_alive_stream {
public:
    using value_type = item_t<S>;

    keep_alive_stream(S upstream, duration d, Make make)
        : upstream_(std::move(upstream)), d_{d}, make_(std::move(make)) {}

    poll<value_type> poll_next(context& cx) {
        start(cx);
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) {
            silence_.set(cx.executor().time_after(d_));
            return item;
        }
        if (item.is_done()) {
            silence_.cancel();
            return item;
        }
        if (cx.stopping() || !silence_.poll(cx)) return item;
        // The next is due a period after this one was; after a stall, a period from now.
        const time_point now = cx.executor().now();
        const time_point next = silence_.deadline() + d_;
        silence_.set(next > now ? next : cx.executor().time_after(d_));
        poll<value_type> made(std::invoke(make_));
        if constexpr (detail::may_drop<Make>) {
            if (cx.stopping()) [[unlikely]]
                made = poll<value_type>(cx.yield());
        }
        return made;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    void start(context& cx) {
        if (started_) return;
        started_ = true;
        silence_.set(cx.executor().time_after(d_));
    }

    S upstream_;
    duration d_;
    detail::resettable_deadline silence_; // when an item is made if no item arrives
    bool started_ = false;
    [[no_unique_address]] Make make_;
};

struct keep_alive_fn : detail::operator_fn<keep_alive_fn> {
    template <class S, class D, class Make>
    using pipeline = keep_alive_stream<S, Make>;

    template <class T, class D, class Make>
    static consteval bool accepts() {
        constexpr bool made = [] {
            if constexpr (std::invocable<Make&>) return std::constructible_from<T, std::invoke_result_t<Make&>>;
            return false;
        }();
        static_assert(made, "weir::keep_alive(d, make): make cannot be called without arguments, or does not return an "
                            "item of the stream");
        return made;
    }

    template <class Make>
    constexpr auto operator()(duration d, Make make) const {
        if (d <= duration::zero()) throw std::invalid_argument{"weir::keep_alive(d, make): d must be positive"};
        return with(d, std::move(make));
    }
};

/// keep_alive(d, make): the items, and an item that make returns whenever there was none for d.
///
///     in                  --a--b--------c--|
///     keep_alive(3, '.')  --a--b--.--.--c--|
///
/// The time counts from the first poll, from each item and from each item that was made; while upstream stays silent
/// they are d apart, without drift. An item that is ready at the same time as the silence is over wins. Nothing is made
/// while the consumer does not ask: after a stall one item is made, and not one per period.
///
/// Ends: with upstream. Errors: upstream's, and what make throws.
/// Cost: no allocation; nothing held; one timer, which is set once per silence.
/// See: timeout, sample, merge.
///
/// @throws std::invalid_argument when d is not positive
inline constexpr keep_alive_fn keep_alive{};

} // namespace weir

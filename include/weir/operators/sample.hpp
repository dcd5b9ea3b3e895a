// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/periodic_schedule.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/drop_silently.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

/// The newest item of an upstream at each tick of a clock.
template <stream S, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] sample_stream
    : public detail::prefetching_operator<sample_stream<S, OnDrop>, S> {
    using prefetching_operator = detail::prefetching_operator<sample_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    sample_stream(S upstream, duration d, OnDrop on_drop)
        : prefetching_operator(std::move(upstream)), ticks_{d}, on_drop_(std::move(on_drop)) {}

    poll<value_type> poll_next(context& cx) {
        if (!started_) {
            started_ = true;
            ticks_.start(cx.executor().now());
        }
        if (this->open() && !this->drive(cx)) return pending;
        if (held_ && this->open()) {
            tick_.set(ticks_.next());
            if (!tick_.poll(cx)) return this->wait(cx);
            ticks_.pass(cx.executor().now());
        }
        if (held_) {
            poll<value_type> item(std::move(*held_));
            held_.reset();
            return item;
        }
        if (this->open()) return this->wait(cx);
        return this->finish();
    }

private:
    bool wants(context&) const noexcept { return true; }

    void on_item(value_type item, context& cx) {
        if (!held_) {
            // Ticks before the first item do not count.
            ticks_.pass(cx.executor().now() - duration{1});
            held_.emplace(std::move(item));
            return this->notify();
        }
        value_type old(std::move(*held_));
        held_.emplace(std::move(item));
        static_cast<void>(std::invoke(on_drop_, std::move(old)));
    }

    void upstream_ended(context&) noexcept { tick_.cancel(); }

    std::optional<value_type> held_;
    bool started_ = false;
    detail::periodic_schedule ticks_;
    detail::resettable_deadline tick_;
    [[no_unique_address]] OnDrop on_drop_;
};

struct sample_fn : detail::operator_fn<sample_fn> {
    template <class S, class D, class OnDrop>
    using pipeline = sample_stream<S, OnDrop>;

    template <class T, class D, class OnDrop>
    static consteval bool accepts() {
        constexpr bool drops = std::invocable<OnDrop&, T>;
        static_assert(drops, "weir::sample(d, on_drop): on_drop cannot be called with an item");
        constexpr bool vanishes = detail::returns_work<OnDrop&, T>;
        static_assert(!vanishes, "weir::sample(d, on_drop): on_drop returns an operation or a stream, and "
                                 "nothing would await it");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::sample(d) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return drops && !vanishes && kept;
    }

    template <class OnDrop = detail::drop_silently>
    constexpr auto operator()(duration d, OnDrop on_drop = {}) const {
        if (d <= duration::zero()) throw std::invalid_argument{"weir::sample(d): d must be more than zero"};
        return with(d, std::move(on_drop));
    }
};

/// sample(d): emits the newest item at each multiple of d, if it is new. The others are dropped.
///
///     in         -ab---c-----d|
///     sample(4)  ----b---c---d|
///
/// The ticks count from the first poll and do not drift. Items are taken without a pause, whether or not the consumer
/// is busy. A consumer that has missed ticks receives the newest item at once, and the next item at a tick.
///
/// Ends: with upstream. Errors: upstream's, and what on_drop throws. The item held comes before either, at once, when
/// upstream has been destroyed.
/// Dropped: items that a newer one replaces are passed to on_drop, the second argument, if there is one.
/// Cost: no allocation; one item held; one timer.
/// See: throttle, debounce.
///
/// @throws std::invalid_argument when d is not positive
inline constexpr sample_fn sample{};

} // namespace weir

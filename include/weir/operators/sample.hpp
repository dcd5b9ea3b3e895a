// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/periodic_schedule.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>
#include <weir/operators/detail/signal.hpp>

namespace weir {

namespace detail {

/// At each multiple of a duration from the first poll.
class sample_at_ticks {
public:
    explicit sample_at_ticks(duration d) noexcept : ticks_{d} {}

    void start(context& cx) noexcept {
        if (!std::exchange(started_, true)) ticks_.start(cx.executor().now());
    }
    /// Ticks before the first item do not count.
    void holds_first(context& cx) noexcept { ticks_.pass(cx.executor().now() - duration{1}); }
    bool due(context& cx, bool holds) noexcept {
        if (!holds) return false;
        tick_.set(ticks_.next());
        if (!tick_.poll(cx)) return false;
        ticks_.pass(cx.executor().now());
        return true;
    }
    void stop() noexcept { tick_.cancel(); }

    void outline(stage_outline&) const noexcept {}

private:
    periodic_schedule ticks_;
    resettable_deadline tick_;
    bool started_ = false;
};

/// When an item of another stream arrives.
template <stream S>
class sample_at_signal {
public:
    explicit sample_at_signal(S s) : signal_(std::move(s)) {}

    void start(context&) const noexcept {}
    void holds_first(context&) const noexcept {}
    bool due(context& cx, bool holds) { return signal_.arrived(cx) && holds; }
    void stop() noexcept { signal_.drop(); }

    void outline(stage_outline& out) const { signal_.outline(out); }

private:
    signal<S> signal_;
};

} // namespace detail

/// The newest item of an upstream at each tick of a clock, or at each item of another stream.
template <stream S, class Ticks, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] sample_stream
    : public detail::prefetching_operator<sample_stream<S, Ticks, OnDrop>, S> {
    using prefetching_operator = detail::prefetching_operator<sample_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    sample_stream(S upstream, Ticks ticks, OnDrop on_drop)
        : prefetching_operator(std::move(upstream)), ticks_(std::move(ticks)), on_drop_(std::move(on_drop)) {}

    poll<value_type> poll_next(context& cx) {
        ticks_.start(cx);
        if (this->open() && !this->drive(cx)) return pending;
        const bool due = this->open() && ask_ticks(cx);
        if (cx.stopping()) return pending;
        if (held_ && (due || !this->open())) {
            poll<value_type> item(std::move(*held_));
            held_.reset();
            return item;
        }
        if (this->open()) return this->wait(cx);
        ticks_.stop();
        if (error_ != nullptr) std::rethrow_exception(error_);
        return this->finish();
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        prefetching_operator::outline(out);
        ticks_.outline(out);
    }

private:
    bool ask_ticks(context& cx) {
        try {
            return ticks_.due(cx, held_.has_value());
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
            this->abandon();
            return false;
        }
    }

    bool wants(context&) const noexcept { return true; }

    void on_item(value_type item, context& cx) {
        if (!held_) {
            ticks_.holds_first(cx);
            held_.emplace(std::move(item));
            return this->notify();
        }
        value_type old(std::move(*held_));
        held_.emplace(std::move(item));
        detail::drop_item(on_drop_, std::move(old), drop_reason::replaced);
    }

    void upstream_ended(context&) noexcept { ticks_.stop(); }

    std::optional<value_type> held_;
    Ticks ticks_;
    std::exception_ptr error_; // of the signal
    [[no_unique_address]] OnDrop on_drop_;
};

struct sample_fn : detail::operator_fn<sample_fn> {
    template <class S, class Ticks, class OnDrop>
    using pipeline = sample_stream<S, Ticks, OnDrop>;

    template <class T, class Ticks, class OnDrop>
    static consteval bool accepts() {
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops, "weir::sample(d, on_drop): on_drop cannot be called with (item) or (item, drop_reason), "
                             "or returns an operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::sample(d) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return drops && kept;
    }

    template <class OnDrop = detail::drop_silently>
    constexpr auto operator()(duration d, OnDrop on_drop = {}) const {
        if (d <= duration::zero()) throw std::invalid_argument{"weir::sample(d): d must be more than zero"};
        return with(detail::sample_at_ticks{d}, std::move(on_drop));
    }
    template <class Signal, class OnDrop = detail::drop_silently>
        requires(!std::convertible_to<Signal, duration>)
    constexpr auto operator()(Signal&& signal, OnDrop on_drop = {}) const {
        using signal_t = std::remove_cvref_t<Signal>;
        if constexpr (!stream<signal_t>) {
            static_assert(detail::always_false<Signal>,
                          "weir::sample(d), sample(signal): the argument is neither a duration nor a stream");
            return detail::invalid_closure();
        } else if constexpr (!std::is_constructible_v<signal_t, Signal>) {
            static_assert(detail::always_false<Signal>, "weir::sample(signal): a stream is used once and cannot be "
                                                        "copied: write sample(std::move(signal))");
            return detail::invalid_closure();
        } else {
            return with(detail::sample_at_signal<signal_t>(std::forward<Signal>(signal)), std::move(on_drop));
        }
    }
};

/// sample(d): emits the newest item at each multiple of d, if there is a new one. The others are dropped.
/// sample(signal): the same when an item of the stream signal arrives.
///
///     in              -ab---c-----d|
///     sample(4)       ----b---c---d|
///     signal          ---s-s-------|
///     sample(signal)  ---b---------[d|]
///
/// The ticks count from the first poll and do not drift. Items are taken without a pause, whether or not the consumer
/// is busy. A consumer that has missed ticks gets the newest item at once, and the next one at a tick. Signals are
/// asked for when the consumer waits, and several that have arrived since count as one; one that arrives while nothing
/// is held is ignored. After the end of the signal, the last item comes at the end.
///
/// Ends: with upstream. Errors: upstream's, and those of the signal. The item held comes before
/// each, at once, when upstream has been destroyed.
/// Dropped: items that a newer one replaces are passed to on_drop, the second argument, if there is one.
/// Cost: no allocation; one item held; one timer.
/// See: throttle, debounce, with_latest_from.
///
/// @throws std::invalid_argument when d is not positive
inline constexpr sample_fn sample{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/item_duration.hpp>
#include <weir/operators/detail/latest_item_operator.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

struct debounce_options {
    /// The maximum time from the first held item to an emitted one, even without a pause.
    duration max_wait = duration::max();
};

/// The items of an upstream that are followed by a pause.
template <stream S, class Pause, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] debounce_stream
    : public detail::latest_item_operator<debounce_stream<S, Pause, OnDrop>, S, OnDrop> {
    using latest_item_operator = detail::latest_item_operator<debounce_stream, S, OnDrop>;
    friend detail::prefetching_operator<debounce_stream, S>;

public:
    using typename latest_item_operator::value_type;

    debounce_stream(S upstream, Pause pause, duration max_wait, OnDrop on_drop)
        : latest_item_operator(std::move(upstream), std::move(on_drop)),
          pause_(std::move(pause)),
          max_wait_{max_wait} {}

private:
    bool wants(context& cx) {
        if (this->passed()) return false;
        if (!this->holds() || !quiet_.poll(cx)) return true;
        this->pass();
        return false;
    }

    void on_item(value_type item, context& cx) {
        const duration d = pause_(std::as_const(item));
        if (Pause::calls && cx.stopping()) return;
        if (!this->holds()) latest_ = cx.executor().time_after(max_wait_);
        quiet_.set(std::min(cx.executor().time_after(d), latest_));
        this->hold(std::move(item));
    }

    void upstream_ended(context&) noexcept { quiet_.cancel(); }

    detail::resettable_deadline quiet_; // the end of the pause for the held item
    time_point latest_{};
    [[no_unique_address]] Pause pause_;
    duration max_wait_;
};

struct debounce_fn : detail::operator_fn<debounce_fn> {
    template <class S, class Pause, class MaxWait, class OnDrop>
    using pipeline = debounce_stream<S, Pause, OnDrop>;

    template <class T, class Pause, class MaxWait, class OnDrop>
    static consteval bool accepts() {
        constexpr bool lasts = detail::lasts_for<Pause, T>;
        static_assert(lasts, "weir::debounce(f): f cannot be called with a const item, or does not return a duration");
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops, "weir::debounce(d, options, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), or returns an operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::debounce(d) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return lasts && drops && kept;
    }

    template <class OnDrop = detail::drop_silently>
    constexpr auto operator()(duration d, debounce_options options = {}, OnDrop on_drop = {}) const {
        return with(detail::fixed_duration{detail::not_negative(d, "weir::debounce(d): d is negative")},
                    detail::not_negative(options.max_wait, "weir::debounce(d, {.max_wait}): max_wait is negative"),
                    std::move(on_drop));
    }
    template <detail::item_function F, class OnDrop = detail::drop_silently>
    constexpr auto operator()(F f, debounce_options options = {}, OnDrop on_drop = {}) const {
        return with(detail::duration_of_item<F>{std::move(f), "weir::debounce(f): f has returned a negative duration"},
                    detail::not_negative(options.max_wait, "weir::debounce(f, {.max_wait}): max_wait is negative"),
                    std::move(on_drop));
    }
};

/// debounce(d): emits an item when no other item has followed it within d. An item that was followed is dropped.
/// debounce(f): the same within f(item), a duration.
///
///     in           abc----de---|
///     debounce(2)  ----c-----e-|
///
/// debounce(0s) drops nothing. With `debounce(d, {.max_wait = 1s})` an item is emitted at least every second, however
/// short the pauses. From the first poll on it takes items whether or not the consumer is busy. An item that
/// was followed by a pause is never dropped: upstream is not polled until the consumer has taken it.
///
/// Ends: with upstream. Errors: upstream's, and what f throws. The item held comes before either, at once,
/// when upstream has been destroyed. A negative duration of f is a std::invalid_argument.
/// Dropped: items that were followed are passed to on_drop, the third argument, if there is one.
/// Cost: no allocation; one item held; one timer.
/// See: throttle, sample.
///
/// @throws std::invalid_argument when d or max_wait is negative
inline constexpr debounce_fn debounce{};

} // namespace weir

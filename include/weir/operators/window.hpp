// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/window_core.hpp>

namespace weir {

/// For window: windows of length d that follow each other without a pause, whether or not items arrive.
struct back_to_back {
    duration d;
};

/// The items of a window, for the operation that was made for it. It may be moved at any time, and ends when the
/// operation has ended.
template <stream S, class Extent>
class [[nodiscard("add a sink and co_await it")]] window_items {
    using core = detail::window_core<S, Extent>;

public:
    using value_type = item_t<S>;

    explicit window_items(core& window) noexcept : core_{window}, number_{window.number()} {}

    poll<value_type> poll_next(context& cx) { return core_->next(number_, cx); }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        return core_->each(number_, cx, consume);
    }

    void outline(stage_outline& out) const {
        if (core_) core_->outline(out);
    }

private:
    detail::handle<core, detail::role::other> core_;
    std::uint64_t number_;
};

template <stream S, class Extent>
inline constexpr bool thread_bound<window_items<S, Extent>> = true;

/// The results of the operations that a function returns for the windows of an upstream.
template <stream S, class Extent, class F, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] window_stream {
    using core = detail::window_core<S, Extent>;
    using items = window_items<S, Extent>;
    using operation_type = std::invoke_result_t<F&, items>;

public:
    using value_type = typename operation_type::result_type;

    window_stream(S upstream, Extent extent, F f, OnDrop on_drop)
        : core_{*new core(std::move(upstream), std::move(extent))}, f_(std::move(f)), on_drop_(std::move(on_drop)) {}

    poll<value_type> poll_next(context& cx) {
        if (!running_) {
            if (core_->open() && !skip(cx)) return pending;
            const auto opened = core_->open_next(cx);
            if (!opened.is_item()) return opened.template rebind<value_type>();
            items_.construct_with([&] { return items(*core_); });
            running_.construct_with([&] { return std::invoke(f_, std::move(*items_)); });
            if (cx.stopping()) return cx.yield();
        }
        auto result = running_->poll_result(cx);
        if (result.is_pending() || cx.stopping()) return result;
        running_.reset();
        items_.reset();
        core_->release(cx);
        return result;
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .inner_streams = 1});
        if (core_) core_->outline(out);
    }

private:
    /// Drops what the last operation has left of its window. Returns false when that has not ended.
    bool skip(context& cx) {
        const auto drop = [&](item_t<S>&& item) {
            detail::drop_item(on_drop_, std::move(item), drop_reason::consumer_gone);
            return true;
        };
        return core_->each(core_->number(), cx, drop) == flow::done && !cx.stopping();
    }

    detail::handle<core, detail::role::consumer> core_;
    [[no_unique_address]] F f_;
    [[no_unique_address]] OnDrop on_drop_;
    detail::manual_lifetime<items> items_; // exists as long as the operation, which may refer to it
    detail::manual_lifetime<operation_type> running_;
};

struct window_fn : detail::operator_fn<window_fn> {
    template <class S, class Extent, class F, class OnDrop>
    using pipeline = window_stream<S, Extent, F, OnDrop>;

    template <class T, class Extent, class F, class OnDrop>
    static consteval bool accepts() {
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops, "weir::window(extent, f, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), or returns an "
                             "operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::window(extent, f) keeps items, and these borrow their memory; put to_owned() before "
                            "it, or outlives(view) around what outlives it");
        constexpr bool ends = detail::ends_windows_of<Extent, T>;
        static_assert(ends, "weir::window(extent, f): the extent is a number of items, a duration, back_to_back{d}, a "
                            "stream whose items end the windows, or a function that returns a duration for an item");
        return drops && kept && ends;
    }

    template <stream S, class Extent, class F, class OnDrop>
    static constexpr auto attach(S left, Extent extent, F f, OnDrop on_drop) {
        constexpr bool ok = detail::returns_operation<F&, window_items<S, Extent>>;
        static_assert(ok, "weir::window(extent, f): f cannot be called with the stream of the items of a window, or "
                          "does not return a task or another operation");
        if constexpr (ok) {
            return pipeline<S, Extent, F, OnDrop>(std::move(left), std::move(extent), std::move(f), std::move(on_drop));
        } else {
            return detail::invalid_pipeline{};
        }
    }

    template <class Extent, class F, class OnDrop = detail::drop_silently>
    constexpr auto operator()(Extent&& extent, F f, OnDrop on_drop = {}) const {
        using extent_t = std::remove_cvref_t<Extent>;
        if constexpr (std::integral<extent_t>) {
            const std::size_t n = detail::at_least_one(extent, "weir::window(n, f): n must be at least 1");
            return with(detail::window_of_items{n}, std::move(f), std::move(on_drop));
        } else if constexpr (std::convertible_to<Extent, duration>) {
            const duration d = extent;
            if (d <= duration::zero()) throw std::invalid_argument{"weir::window(d, f): d must be positive"};
            return with(detail::window_of_time{detail::fixed_duration{d}}, std::move(f), std::move(on_drop));
        } else if constexpr (std::same_as<extent_t, back_to_back>) {
            if (extent.d <= duration::zero()) {
                throw std::invalid_argument{"weir::window(back_to_back{d}, f): d must be positive"};
            }
            return with(detail::window_of_schedule{extent.d}, std::move(f), std::move(on_drop));
        } else if constexpr (!stream<extent_t>) {
            return with(detail::window_of_time{detail::duration_of_item<std::decay_t<Extent>>{
                            std::forward<Extent>(extent), "weir::window(f, ...): f has returned a negative duration"}},
                        std::move(f), std::move(on_drop));
        } else if constexpr (!std::is_constructible_v<extent_t, Extent>) {
            static_assert(detail::always_false<Extent>, "weir::window(signal, f): a stream is used once and cannot be "
                                                        "copied: write window(std::move(signal), f)");
            return detail::invalid_closure();
        } else {
            return with(detail::window_until<extent_t>(std::forward<Extent>(extent)), std::move(f), std::move(on_drop));
        }
    }
};

/// window(n, f): co_await f(items) for each n items, where items is their stream.
/// window(d, f): the same for the items that arrive within d of the first of them.
/// window(signal, f): the same for the items that arrive before the next item of the stream signal.
/// window(length, f): the same for the items that arrive within length(a), a duration, of the first of them, a.
/// window(back_to_back{d}, f): the same for windows of length d from the first poll on, those without items included.
///
///     in                          --a-b------c-d-e----|
///     window(2, f)                ----2--------2------[1|]     where f counts the items
///     window(4ms, f)              ------2--------2---1|
///     window(back_to_back{6}, f)  ------2-----1-----2-[0|]
///
///     auto rates = hits() | weir::window(1s, [](auto items) { return std::move(items) | weir::count(); });
///
/// A window opens with an item, so that none is empty, and windows do not overlap. Only those of back_to_back may be
/// empty, also the last one, which ends with upstream: they follow one clock, as for a rate per second that is 0 at
/// times. The windows that pass while the consumer is busy are left out. The items of a window are polled for by the
/// operation, and are not collected: a window may have any number of them. The next window opens when the operation
/// has ended. An item that is ready when the time of a window is over, or when its signal has arrived, belongs to the
/// next window. Signals that arrive while no window is open are ignored; when the signal has ended, the window lasts as
/// long as upstream. window(interval(5s), f) ends windows at the ticks of one clock.
///
/// f and its argument exist as long as the operation. The function length is called once per window. What an operation
/// leaves of its window is dropped. An operation that neither ends nor reads its items stops the stream.
///
/// Ends: with upstream, after the result of the last window.
/// Errors: those of upstream and of the signal, as the end of the window and after its result; those of an operation, f
/// and length at once. A negative length is a std::invalid_argument.
/// Dropped: the operation is destroyed, and an item held is lost. Items that an operation does not take are passed to
/// on_drop, the last argument, if there is one.
/// Cost: one allocation, and those of f; one item held.
/// See: chunk, sliding, sessions, for_each_group.
///
/// @throws std::invalid_argument when n is less than 1, or d is not positive
inline constexpr window_fn window{};

} // namespace weir

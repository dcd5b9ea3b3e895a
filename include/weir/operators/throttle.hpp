// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
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

/// Which items of a window are emitted.
enum class edge : std::uint8_t {
    leading,  ///< the first, at once
    trailing, ///< the last, at the end of the window
    both,     ///< the first at once, and the last if it is another
};

/// The items of an upstream, at most one per window.
template <stream S, class Window, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] throttle_stream
    : public detail::latest_item_operator<throttle_stream<S, Window, OnDrop>, S, OnDrop> {
    using latest_item_operator = detail::latest_item_operator<throttle_stream, S, OnDrop>;
    friend detail::prefetching_operator<throttle_stream, S>;

public:
    using typename latest_item_operator::value_type;

    throttle_stream(S upstream, Window length, edge which, OnDrop on_drop)
        : latest_item_operator(std::move(upstream), std::move(on_drop)), length_(std::move(length)), edge_{which} {}

private:
    bool wants(context& cx) {
        if (this->passed()) return false;
        if (!this->holds() || !over_.poll(cx)) return true;
        const duration d = length_(this->held());
        if (Window::calls && cx.stopping()) return false;
        open_window(over_.deadline(), d);
        // Missed windows are not made up for.
        if (over_.passed(cx)) open_window(cx.executor().now(), d);
        this->pass();
        return false;
    }

    void on_item(value_type item, context& cx) {
        if (started_ && !over_.passed(cx)) {
            if (edge_ == edge::leading) return this->drop(std::move(item), drop_reason::suppressed);
            return this->hold(std::move(item));
        }
        const duration d = length_(std::as_const(item));
        if (Window::calls && cx.stopping()) return;
        open_window(cx.executor().now(), d);
        this->hold(std::move(item));
        if (edge_ != edge::trailing) this->pass();
    }

    void upstream_ended(context&) noexcept { over_.cancel(); }

    void open_window(time_point start, duration d) noexcept {
        started_ = true;
        over_.set(d > time_point::max() - start ? time_point::max() : start + d);
    }

    detail::resettable_deadline over_; // the end of the window
    bool started_ = false;
    [[no_unique_address]] Window length_;
    edge edge_;
};

struct throttle_fn : detail::operator_fn<throttle_fn> {
    template <class S, class Window, class Edge, class OnDrop>
    using pipeline = throttle_stream<S, Window, OnDrop>;

    template <class T, class Window, class Edge, class OnDrop>
    static consteval bool accepts() {
        constexpr bool lasts = detail::lasts_for<Window, T>;
        static_assert(lasts, "weir::throttle(f): f cannot be called with a const item, or does not return a duration");
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops, "weir::throttle(d, edge, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), or returns an operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::throttle(d) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return lasts && drops && kept;
    }

    template <class OnDrop = detail::drop_silently>
    constexpr auto operator()(duration d, edge which = edge::both, OnDrop on_drop = {}) const {
        return with(detail::fixed_duration{detail::not_negative(d, "weir::throttle(d): d is negative")}, which,
                    std::move(on_drop));
    }
    template <detail::item_function F, class OnDrop = detail::drop_silently>
    constexpr auto operator()(F f, edge which = edge::both, OnDrop on_drop = {}) const {
        return with(detail::duration_of_item<F>{std::move(f), "weir::throttle(f): f has returned a negative duration"},
                    which, std::move(on_drop));
    }
};

/// throttle(d): at most one item per window of d; the others are dropped. throttle(f): the window of an item lasts
/// f(item), a duration. f is called with the items that open a window.
///
///     in                           abcd--------|
///     throttle(3)                  a--c--d-----|
///     throttle(3, edge::leading)   a--d--------|
///     throttle(3, edge::trailing)  ---c--d-----|
///
/// An item that arrives outside a window opens one; a window that ends with an item opens the next. By default the
/// first item of a window is emitted at once and the last at its end. From the first poll on it takes items whether or
/// not the consumer is busy. An item that was let through is never dropped: until the consumer takes it upstream is not
/// asked. A consumer that was busy for longer than a window may therefore receive two items at once: that item, and the
/// next one, which opens a window.
///
/// Ends: with upstream. Errors: upstream's, and what f throws. The item held comes before either, at once,
/// when upstream has been destroyed. A negative duration of f is a std::invalid_argument.
/// Dropped: the other items of a window are passed to on_drop, the third argument, if there is one.
/// Cost: no allocation; one item held; one timer.
/// See: debounce, sample, pace (which loses nothing).
///
/// @throws std::invalid_argument when d is negative
inline constexpr throttle_fn throttle{};

} // namespace weir

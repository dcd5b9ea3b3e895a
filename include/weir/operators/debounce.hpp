#pragma once

#include <algorithm>
#include <concepts>
#include <stdexcept>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/moving_deadline.hpp>
#include <weir/operators/detail/driven.hpp>
#include <weir/operators/detail/held_back.hpp>

namespace weir {

struct debounce_options {
    /// An item comes out at the latest so long after the first that was held back, even if it never gets quiet.
    duration max_wait = duration::max();
};

/// The items of an upstream that were followed by a pause.
template <stream S, class OnDrop = detail::drop_silently>
class debounce_stream : public detail::held_back<debounce_stream<S, OnDrop>, S, OnDrop> {
    static_assert(detail::keepable<item_t<S>>, "weir::debounce(d) keeps items, and these borrow their memory; put "
                                               "to_owned() before it, or outlives(view) around what outlives it");

    using held_back = detail::held_back<debounce_stream, S, OnDrop>;
    friend detail::driven<debounce_stream, S>;

public:
    using typename held_back::value_type;

    debounce_stream(S upstream, duration d, duration max_wait, OnDrop on_drop)
        : held_back{std::move(upstream), std::move(on_drop)}, d_{d}, max_wait_{max_wait} {}

private:
    bool wants(context& cx) {
        if (this->passed()) return false;
        if (!this->holds() || !quiet_.poll(cx)) return true;
        this->pass();
        return false;
    }

    void take(value_type item, context& cx) {
        if (!this->holds()) latest_ = cx.ex().after(max_wait_);
        quiet_.set(std::min(cx.ex().after(d_), latest_));
        this->hold(std::move(item));
    }

    void upstream_ended(context&) noexcept { quiet_.cancel(); }

    detail::moving_deadline quiet_; // for the item that is held
    time_point latest_{};
    duration d_;
    duration max_wait_;
};

struct debounce_fn : operator_needs_its_arguments_in_parentheses {
    template <class OnDrop = detail::drop_silently>
    constexpr auto operator()(duration d, debounce_options options = {}, OnDrop on_drop = {}) const {
        if (d < duration::zero()) throw std::invalid_argument{"weir::debounce(d): d is negative"};
        if (options.max_wait < duration::zero()) {
            throw std::invalid_argument{"weir::debounce(d, {.max_wait}): max_wait is negative"};
        }
        return closure{[d, options, on_drop = std::move(on_drop)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::debounce(d): what is left of | is not a stream");
            } else if constexpr (!std::invocable<OnDrop&, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::debounce(d, options, on_drop): on_drop cannot be called with an item");
            } else {
                return debounce_stream<S, OnDrop>{std::move(upstream), d, options.max_wait, std::move(on_drop)};
            }
        }};
    }
};

/// debounce(d): an item when no other has followed it for d; what was followed is dropped.
///
///     in           abc----de---|
///     debounce(2)  ----c-----e-|
///
/// debounce(0) drops nothing. In `debounce(d, {.max_wait = 1s})` an item comes out at least every second, however little
/// the pauses. What is dropped is passed to on_drop, the third argument, if there is one.
///
/// From the first poll on it takes items whether or not the consumer is busy. What has settled is never dropped: until
/// the consumer takes it upstream is not asked.
///
/// The item that is held at the end, or at an error, comes out at once before it.
inline constexpr debounce_fn debounce{};

} // namespace weir

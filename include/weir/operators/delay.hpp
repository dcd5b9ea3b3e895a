// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <map>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/item_duration.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

namespace detail {

/// Items that are due in the order in which they arrive.
template <class T>
class items_in_order {
public:
    bool empty() const noexcept { return items_.empty(); }
    std::size_t size() const noexcept { return items_.size(); }
    time_point next_due() noexcept { return items_.front().due; }

    void push(T&& item, time_point due) { items_.push_back(delayed(std::move(item), due)); }
    poll<T> pop() {
        poll<T> item(std::move(items_.front().item));
        items_.drop_front();
        return item;
    }

private:
    struct delayed {
        delayed(T&& i, time_point when) : item(std::move(i)), due{when} {}

        T item;
        time_point due;
    };

    ring_buffer<delayed> items_;
};

/// Items by the time at which they are due; those of one time in the order in which they arrive. Memory of an item is
/// kept for the next ones.
template <class T>
class items_by_time {
public:
    bool empty() const noexcept { return items_.empty(); }
    std::size_t size() const noexcept { return items_.size(); }
    time_point next_due() const noexcept { return items_.begin()->first; }

    void push(T&& item, time_point due) {
        if (spare_.empty()) {
            items_.emplace(due, std::move(item));
            return;
        }
        auto node = std::move(spare_.back());
        spare_.pop_back();
        node.mapped().emplace(std::move(item));
        node.key() = due;
        items_.insert(std::move(node));
    }
    poll<T> pop() {
        if (spare_.size() == spare_.capacity()) spare_.reserve(2 * spare_.size() + 1); // before the item is taken
        auto node = items_.extract(items_.begin());
        poll<T> item(*std::move(node.mapped()));
        node.mapped().reset();
        spare_.push_back(std::move(node));
        return item;
    }

private:
    using map = std::multimap<time_point, std::optional<T>>;

    map items_;
    std::vector<typename map::node_type> spare_;
};

} // namespace detail

/// The items of an upstream, each later by a duration.
template <stream S, class Delay>
class [[nodiscard("add a sink and co_await it")]] delay_stream
    : public detail::prefetching_operator<delay_stream<S, Delay>, S> {
    using prefetching_operator = detail::prefetching_operator<delay_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    delay_stream(S upstream, Delay by, std::size_t capacity)
        : prefetching_operator(std::move(upstream)), by_(std::move(by)), capacity_{capacity} {}

    poll<value_type> poll_next(context& cx) {
        if (this->open() && !this->drive(cx)) return pending;
        if (!held_.empty()) {
            due_.set(held_.next_due());
            if (!due_.poll(cx)) return this->wait(cx); // for an item that is due earlier, too
            poll<value_type> item = held_.pop();
            if (held_.size() + 1 == capacity_) this->resume();
            return item;
        }
        if (this->open()) return this->wait(cx);
        if (!this->failed()) {
            due_.set(end_);
            if (!due_.poll(cx)) return pending;
        }
        return this->finish();
    }

    void outline(stage_outline& out) const {
        out.holds(capacity_);
        prefetching_operator::outline(out);
    }

private:
    using items =
        std::conditional_t<Delay::calls, detail::items_by_time<value_type>, detail::items_in_order<value_type>>;

    bool wants(context&) const noexcept { return held_.size() != capacity_; }

    void on_item(value_type item, context& cx) {
        const time_point due = cx.executor().time_after(by_(std::as_const(item)));
        if (Delay::calls && cx.stopping()) return;
        const bool is_next = held_.empty() || due < held_.next_due();
        held_.push(std::move(item), due);
        if (is_next) this->notify();
    }

    void upstream_ended(context& cx) noexcept {
        if constexpr (!Delay::calls) end_ = cx.executor().time_after(by_(unit{}));
    }

    items held_;
    [[no_unique_address]] Delay by_;
    std::size_t capacity_;
    time_point end_{};
    detail::resettable_deadline due_;
};

struct delay_fn : detail::operator_fn<delay_fn> {
    static constexpr std::size_t default_capacity = 1024;

    template <class S, class Delay, class N>
    using pipeline = delay_stream<S, Delay>;

    template <class T, class Delay, class N>
    static consteval bool accepts() {
        constexpr bool lasts = detail::lasts_for<Delay, T>;
        static_assert(lasts, "weir::delay(f): f cannot be called with a const item, or does not return a duration");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::delay(d) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return lasts && kept;
    }

    template <std::integral N = std::size_t>
    constexpr auto operator()(duration d, N most = default_capacity) const {
        const std::size_t capacity =
            detail::at_least_one(most, "weir::delay(d, capacity): capacity must be at least 1");
        return with(detail::fixed_duration{detail::not_negative(d, "weir::delay(d): d is negative")}, capacity);
    }
    template <detail::item_function F, std::integral N = std::size_t>
    constexpr auto operator()(F f, N most = default_capacity) const {
        const std::size_t capacity =
            detail::at_least_one(most, "weir::delay(f, capacity): capacity must be at least 1");
        return with(detail::duration_of_item<F>{std::move(f), "weir::delay(f): f has returned a negative duration"},
                    capacity);
    }
};

/// delay(d, capacity): delivers every item later by d. Order and spacing stay the same. delay(f, capacity): delivers
/// each item later by f(item), a duration. Items may overtake others, as in Rx's delayWhen.
///
///     in        a--bc-|
///     delay(2)  --a--bc-|
///     delay(f)  ----[bc]-a|     f(a) is 7, f(b) is 1, f(c) is 0
///
/// From the first poll on it takes the items as they arrive, whether or not the consumer is busy, and holds at most
/// `capacity` of them, 1024 by default. While it is full upstream is not polled: no item is lost, and the
/// waiting items arrive later.
///
/// Ends: with upstream, later by d; with f, after the last item. Errors: upstream's and what f throws, right after the
/// items held, each of which comes at its time (Rx lets the error overtake them). Upstream is destroyed when it ends or
/// fails. A negative duration of f is a std::invalid_argument.
/// Dropped: the items held are lost.
/// Cost: memory for the items held, allocated as needed and kept; one timer.
/// See: debounce, pace, buffer, map_async_unordered (a delay by an operation).
///
/// @throws std::invalid_argument when d is negative, or capacity less than 1
inline constexpr delay_fn delay{};

} // namespace weir

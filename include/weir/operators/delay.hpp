// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

/// The items of an upstream, each later by a duration.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] delay_stream
    : public detail::prefetching_operator<delay_stream<S>, S> {
    using prefetching_operator = detail::prefetching_operator<delay_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    delay_stream(S upstream, duration d, std::size_t capacity)
        : prefetching_operator(std::move(upstream)), d_{d}, capacity_{capacity} {}

    poll<value_type> poll_next(context& cx) {
        if (this->open() && !this->drive(cx)) return pending;
        if (!line_.empty()) {
            due_.set(line_.front().due);
            if (!due_.poll(cx)) return pending;
            poll<value_type> item(std::move(line_.front().item));
            line_.drop_front();
            if (line_.size() + 1 == capacity_) this->resume();
            return item;
        }
        if (this->open()) return this->wait(cx);
        if (!this->failed()) {
            due_.set(end_);
            if (!due_.poll(cx)) return pending;
        }
        return this->finish();
    }

private:
    struct delayed {
        delayed(value_type&& i, time_point when) : item(std::move(i)), due{when} {}

        value_type item;
        time_point due;
    };

    bool wants(context&) const noexcept { return line_.size() != capacity_; }

    void on_item(value_type item, context& cx) {
        line_.push_back(delayed(std::move(item), cx.executor().time_after(d_)));
        if (line_.size() == 1) this->notify();
    }

    void upstream_ended(context& cx) noexcept { end_ = cx.executor().time_after(d_); }

    detail::ring_buffer<delayed> line_;
    duration d_;
    std::size_t capacity_;
    time_point end_{};
    detail::resettable_deadline due_;
};

struct delay_fn : detail::operator_fn<delay_fn> {
    static constexpr std::size_t default_capacity = 1024;

    template <class S, class D, class N>
    using pipeline = delay_stream<S>;

    template <class T, class D, class N>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::delay(d) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return kept;
    }

    template <std::integral N = std::size_t>
    constexpr auto operator()(duration d, N most = default_capacity) const {
        const std::size_t capacity =
            detail::at_least_one(most, "weir::delay(d, capacity): capacity must be at least 1");
        return with(detail::not_negative(d, "weir::delay(d): d is negative"), capacity);
    }
};

/// delay(d, capacity): delivers every item later by d. Order and spacing stay the same.
///
///     in        a--bc-|
///     delay(2)  --a--bc-|
///
/// From the first poll on it takes the items as they arrive, whether or not the consumer is busy, and holds at most
/// `capacity` of them, 1024 by default. While it is full upstream is not polled: no item is lost, and the
/// waiting items arrive later.
///
/// Ends: with upstream, later by d. Errors: upstream's, right after the items held, each of which comes at its time (Rx
/// lets the error overtake them). Upstream is destroyed when it ends or fails.
/// Dropped: the items held are lost.
/// Cost: memory for the items held, allocated as needed and kept; one timer.
/// See: debounce, pace, buffer.
///
/// @throws std::invalid_argument when d is negative, or capacity less than 1
inline constexpr delay_fn delay{};

} // namespace weir

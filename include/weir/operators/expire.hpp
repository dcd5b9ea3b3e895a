// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

/// The items of an upstream that the consumer takes in time.
template <stream S, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] expire_stream
    : public detail::prefetching_operator<expire_stream<S, OnDrop>, S> {
    using prefetching_operator = detail::prefetching_operator<expire_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    expire_stream(S upstream, duration d, std::size_t capacity, OnDrop on_drop)
        : prefetching_operator(std::move(upstream)),
          after_{detail::longer_than(d)},
          capacity_{capacity},
          on_drop_(std::move(on_drop)) {}

    poll<value_type> poll_next(context& cx) {
        if (!drop_expired(cx)) return cx.yield();
        if (held_.empty() && this->open()) {
            if (!filling_) this->resume();
            if (!this->drive(cx)) return pending;
            if (held_.empty() && this->open()) return this->wait(cx);
        }
        if (held_.empty()) return this->finish();
        return take();
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        for (;;) {
            if (!drop_expired(cx)) return detail::yield_loop(cx);
            if (held_.empty() && this->open()) {
                if (!filling_) this->resume();
                if (!this->drive(cx)) return flow::pending;
                if (held_.empty() && this->open()) {
                    this->wait(cx);
                    return flow::pending;
                }
            }
            if (held_.empty()) {
                this->finish();
                return flow::done;
            }
            // The clock stands still while a waker runs: no item expires in this loop.
            do {
                if (!consume(*take())) return flow::stopped;
                if (!cx.spend() || (detail::may_drop_at_end<value_type> && cx.leaving())) [[unlikely]]
                    return detail::yield_loop(cx);
            } while (!held_.empty());
        }
    }

    void outline(stage_outline& out) const {
        out.holds(capacity_);
        prefetching_operator::outline(out);
    }

private:
    struct dated {
        dated(value_type&& i, time_point when) : item(std::move(i)), expires{when} {}

        value_type item;
        time_point expires;
    };

    poll<value_type> take() {
        poll<value_type> item(std::move(held_.front().item));
        held_.drop_front();
        if (!filling_ && half_free()) this->resume();
        return item;
    }

    /// Returns false when what runs was dropped, or its turn is over.
    bool drop_expired(context& cx) {
        while (!held_.empty() && held_.front().expires <= cx.executor().now()) {
            value_type old(std::move(held_.front().item));
            held_.drop_front();
            detail::drop_item(on_drop_, std::move(old), drop_reason::expired);
            if (cx.stopping() || !cx.spend() || cx.leaving()) return false;
        }
        return true;
    }

    bool half_free() const noexcept { return held_.size() <= capacity_ - std::max<std::size_t>(1, capacity_ / 2); }

    bool wants(context& cx) {
        if (filling_) return true;
        if (!drop_expired(cx)) {
            static_cast<void>(cx.yield());
            return false;
        }
        filling_ = half_free();
        if (filling_) return true;
        room_.set(held_.front().expires);
        static_cast<void>(room_.poll(cx));
        return false;
    }

    void on_item(value_type item, context& cx) {
        held_.push_back(dated(std::move(item), cx.executor().time_after(after_)));
        filling_ = held_.size() != capacity_;
        this->notify();
    }

    void upstream_ended(context&) noexcept { room_.cancel(); }

    detail::ring_buffer<dated> held_;
    duration after_; // the first duration for which an item must not wait
    std::size_t capacity_;
    bool filling_ = true;              // from half empty until full
    detail::resettable_deadline room_; // when the oldest item expires, while it is not filling
    [[no_unique_address]] OnDrop on_drop_;
};

struct expire_fn : detail::operator_fn<expire_fn> {
    static constexpr std::size_t default_capacity = 1024;

    template <class S, class D, class N, class OnDrop>
    using pipeline = expire_stream<S, OnDrop>;

    template <class T, class D, class N, class OnDrop>
    static consteval bool accepts() {
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops, "weir::expire(d, capacity, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), or returns an "
                             "operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::expire(d) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return drops && kept;
    }

    template <std::integral N = std::size_t, class OnDrop = detail::drop_silently>
    constexpr auto operator()(duration d, N most = default_capacity, OnDrop on_drop = {}) const {
        const std::size_t capacity =
            detail::at_least_one(most, "weir::expire(d, capacity): capacity must be at least 1");
        if (d < duration::zero()) throw std::invalid_argument{"weir::expire(d): d is negative"};
        return with(d, capacity, std::move(on_drop));
    }
};

/// expire(d, capacity): holds items for a busy consumer, and drops those that have waited longer than d.
///
///     in         abcd-----e|
///     consumer   takes one item every three ticks
///     expire(2)  a--b-----e|     c and d are dropped
///
/// From the first poll on it takes the items as they arrive, whether or not the consumer is busy, and holds at most
/// `capacity` of them, 1024 by default. When it is full upstream is not polled until half of it is free, because items
/// were taken or have expired. Expired items are dropped when the consumer asks for an item and when room is needed. A
/// consumer that keeps up loses no item.
///
/// Ends: with upstream. Errors: upstream's. The items held come before the end and an error of
/// upstream, unless they expire.
/// Dropped: expired items are passed to on_drop, the third argument, if there is one; items held are lost with the
/// stream.
/// Cost: memory for the items held, allocated as needed and kept; one timer while it is full.
/// See: buffer, delay, debounce.
///
/// @throws std::invalid_argument when d is negative, or capacity less than 1
inline constexpr expire_fn expire{};

} // namespace weir

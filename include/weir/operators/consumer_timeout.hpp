// SPDX-License-Identifier: MIT
#pragma once

#include <stdexcept>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>

namespace weir {

/// The items of an upstream for a consumer that must not be busy for too long with one of them.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] consumer_timeout_stream {
public:
    using value_type = item_t<S>;

    consumer_timeout_stream(S upstream, duration d) : d_{d}, upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        asked();
        auto item = upstream_->poll_next(cx);
        if (item.is_item()) watch(cx);
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        asked();
        const flow answer = weir::poll_each(*upstream_, cx, consume);
        if (answer == flow::stopped) watch(cx);
        return answer;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    void asked() {
        if (!upstream_) throw timed_out{"weir::consumer_timeout: the consumer has not asked for an item", d_};
        consumer_busy_ = false;
    }

    /// The consumer has an item.
    void watch(context& cx) {
        if (cx.stopping()) return;
        consumer_busy_ = true;
        driver_.bind(*this, cx.waker());
        // A consumer that asks when the time is up is in time.
        time_is_up_.set(cx.executor().time_after(detail::longer_than(d_)));
        context own{driver_};
        static_cast<void>(time_is_up_.poll(own));
    }

    /// Called by the run queue.
    void look() noexcept {
        if (!consumer_busy_) return;
        context cx{driver_};
        if (time_is_up_.poll(cx)) upstream_.reset();
    }

    duration d_;
    detail::resettable<S> upstream_; // until the time is up
    bool consumer_busy_ = false;     // it has an item, and has not asked for the next
    detail::resettable_deadline time_is_up_;
    detail::member_waker<consumer_timeout_stream, &consumer_timeout_stream::look> driver_;
};

struct consumer_timeout_fn : detail::operator_fn<consumer_timeout_fn> {
    template <class S, class D>
    using pipeline = consumer_timeout_stream<S>;

    template <class T, class D>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::consumer_timeout(d) destroys upstream while the consumer has an item, and these "
                            "borrow their memory; put to_owned() before it, or outlives(view) around what outlives it");
        return kept;
    }

    constexpr auto operator()(duration d) const {
        if (d <= duration::zero()) throw std::invalid_argument{"weir::consumer_timeout(d): d must be more than zero"};
        return with(d);
    }
};

/// consumer_timeout(d): fails with timed_out when the consumer is busy with an item for longer than d.
///
///     in                   a-b-c-d|
///     consumer             takes an item every two ticks, and is busy with b for six
///     consumer_timeout(4)  a-b-----#
///
/// The time counts from an item until the consumer asks for the next, and not while the consumer waits. When it is
/// over, upstream is destroyed at once, so that a consumer that is stuck holds no connection or file. The consumer sees
/// the error when it asks.
///
/// Ends: with upstream. Errors: upstream's, and timed_out.
/// Cost: no allocation; no item held; one timer, which is set once per d.
/// See: timeout (upstream is slow), timeout_total, buffer.
///
/// @throws std::invalid_argument when d is not positive
inline constexpr consumer_timeout_fn consumer_timeout{};

} // namespace weir

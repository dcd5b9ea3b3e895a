// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/overflow.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

/// The items of an upstream, polled ahead of the consumer.
template <stream S, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] buffer_stream
    : public detail::prefetching_operator<buffer_stream<S, OnDrop>, S> {
    using prefetching_operator = detail::prefetching_operator<buffer_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    buffer_stream(S upstream, std::size_t n, overflow policy, OnDrop on_drop)
        : prefetching_operator(std::move(upstream)), n_{n}, policy_{policy}, on_drop_(std::move(on_drop)) {}

    poll<value_type> poll_next(context& cx) {
        if (held_.empty()) {
            if (this->open() && !this->drive(cx)) return pending;
            if (held_.empty()) {
                if (this->open()) return this->wait(cx);
                return this->finish();
            }
        }
        poll<value_type> item(std::move(held_.front()));
        held_.drop_front();
        turn_given_ = false;
        // In batches: a driver that ran for each item would cost more than the item.
        if (!filling_ && held_.size() <= n_ - std::max<std::size_t>(1, n_ / 2)) {
            filling_ = true;
            this->resume();
        }
        return item;
    }

    void outline(stage_outline& out) const {
        out.holds(n_);
        prefetching_operator::outline(out);
    }

private:
    bool wants(context& cx) noexcept {
        if (policy_ == overflow::suspend) return filling_;
        if (held_.size() != n_ || turn_given_) return true;
        // A consumer that keeps up loses nothing: it has a turn before the buffer overflows.
        turn_given_ = true;
        static_cast<void>(cx.yield());
        return false;
    }

    void on_item(value_type item, context&) {
        if (held_.size() != n_) {
            held_.push_back(std::move(item));
            filling_ = held_.size() != n_;
            return this->notify();
        }
        if (detail::drops_oldest(policy_)) {
            detail::drop_item(on_drop_, held_.replace_front(std::move(item)), drop_reason::overflow);
            return;
        }
        detail::drop_item(on_drop_, std::move(item), drop_reason::overflow);
        if (policy_ == overflow::error) throw detail::overflow_of("weir::buffer: overflow: the consumer", n_);
    }

    detail::ring_buffer<value_type> held_;
    std::size_t n_;
    overflow policy_;
    bool filling_ = true;     // from half empty until full
    bool turn_given_ = false; // whether the consumer had a turn since the buffer is full
    [[no_unique_address]] OnDrop on_drop_;
};

struct buffer_fn : detail::operator_fn<buffer_fn> {
    template <class S, class N, class Policy, class OnDrop>
    using pipeline = buffer_stream<S, OnDrop>;

    template <class T, class N, class Policy, class OnDrop>
    static consteval bool accepts() {
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(drops, "weir::buffer(n, overflow, on_drop): on_drop cannot be called with (item) or (item, "
                             "drop_reason), or returns an operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::buffer(n) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return drops && kept;
    }

    template <std::integral N, class OnDrop = detail::drop_silently>
    constexpr auto operator()(N given, overflow policy = overflow::suspend, OnDrop on_drop = {}) const {
        const std::size_t n = detail::at_least_one(given, "weir::buffer(n): n must be at least 1");
        if (policy == overflow::latest) {
            throw std::invalid_argument{"weir::buffer(n, overflow): overflow::latest is for from_callback; write "
                                        "buffer(1, overflow::drop_oldest)"};
        }
        return with(n, policy, std::move(on_drop));
    }
};

/// buffer(n): polls upstream for up to n items ahead while the consumer is busy.
///
///     in         a-b-c-d-e|
///     consumer   takes one item every four ticks
///     buffer(2)  a---b---c---d---e|
///
/// The buffer fills from the first poll on. Once full, it fills again when half of it is free. Two buffers in a row
/// hold the sum of both. With an overflow policy, upstream is polled without a pause, and the policy applies to an item
/// that does not fit. A consumer that keeps up loses no item.
///
///     buffer(n, overflow::drop_oldest)   the oldest item is dropped; the consumer sees the newest n
///     buffer(n, overflow::drop_newest)   the item that does not fit is dropped
///     buffer(n, overflow::error)         the stream fails with buffer_overflow
///
/// Ends: with upstream. Errors: upstream's, and buffer_overflow. The items held come before
/// either, after upstream has been destroyed.
/// Dropped: what does not fit is passed to on_drop, the third argument, if there is one; items held are lost with the
/// stream.
/// Cost: memory for at most n items, allocated as needed and kept.
/// See: publish_on, delay, sample.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr buffer_fn buffer{};

} // namespace weir

#pragma once

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/moving_deadline.hpp>
#include <weir/operators/detail/driven.hpp>

namespace weir {

/// The items of an upstream, each a while later.
template <stream S>
class delay_stream : public detail::driven<delay_stream<S>, S> {
    static_assert(detail::keepable<item_t<S>>, "weir::delay(d) keeps items, and these borrow their memory; put "
                                               "to_owned() before it, or outlives(view) around what outlives it");

    using driven = detail::driven<delay_stream, S>;
    friend driven;

public:
    using value_type = item_t<S>;

    delay_stream(S upstream, duration d, std::size_t capacity)
        : driven{std::move(upstream)}, d_{d}, capacity_{capacity} {}

    poll<value_type> poll_next(context& cx) {
        if (this->open() && !this->drive(cx)) return pending;
        if (!line_.empty()) {
            due_.set(line_.front().due);
            if (!due_.poll(cx)) return pending;
            poll<value_type> item{std::move(line_.front().item)};
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
        value_type item;
        time_point due;
    };

    bool wants(context&) const noexcept { return line_.size() != capacity_; }

    void take(value_type item, context& cx) {
        line_.push_back(delayed{std::move(item), cx.ex().after(d_)});
        if (line_.size() == 1) this->notify();
    }

    void upstream_ended(context& cx) noexcept { end_ = cx.ex().after(d_); }

    detail::ring_buffer<delayed> line_;
    duration d_;
    std::size_t capacity_;
    time_point end_{};
    detail::moving_deadline due_;
};

struct delay_fn : operator_needs_its_arguments_in_parentheses {
    static constexpr std::size_t default_capacity = 1024;

    template <std::integral N = std::size_t>
    constexpr auto operator()(duration d, N most = default_capacity) const {
        const std::size_t capacity =
            detail::at_least_one(most, "weir::delay(d, capacity): capacity must be at least 1");
        if (d < duration::zero()) throw std::invalid_argument{"weir::delay(d): d is negative"};
        return closure{[d, capacity]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::delay(d): what is left of | is not a stream");
            } else {
                return delay_stream<S>{std::move(upstream), d, capacity};
            }
        }};
    }
};

/// delay(d): every item later by d; order and spacing stay.
///
///     in        a--bc-|
///     delay(2)  --a--bc-|
///
/// From the first poll on it takes the items as they come, whether or not the consumer is busy, and holds at most 1024
/// of them, or as many as the second argument says. While so many are held upstream is not asked: nothing is lost, and
/// the items that had to wait come later.
///
/// The end comes later by d too. An error is not delayed: it comes right after the items that are held, each of them at
/// its time (Rx lets the error overtake them).
inline constexpr delay_fn delay{};

} // namespace weir

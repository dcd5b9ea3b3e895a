// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/gives_cost.hpp>
#include <weir/operators/detail/prefetching_operator.hpp>

namespace weir {

/// The items of an upstream, polled ahead of the consumer up to a weight.
template <stream S, class Weigh>
class [[nodiscard("add a sink and co_await it")]] buffer_weighted_stream
    : public detail::prefetching_operator<buffer_weighted_stream<S, Weigh>, S> {
    using prefetching_operator = detail::prefetching_operator<buffer_weighted_stream, S>;
    friend prefetching_operator;

public:
    using value_type = item_t<S>;

    buffer_weighted_stream(S upstream, std::size_t most, Weigh weigh)
        : prefetching_operator(std::move(upstream)), most_{most}, weigh_(std::move(weigh)) {}

    poll<value_type> poll_next(context& cx) {
        if (held_.empty() && this->open()) {
            if (!this->drive(cx)) return pending;
            if (held_.empty() && this->open()) return this->wait(cx);
        }
        if (held_.empty()) return this->finish();
        weight_ -= held_.front().weight;
        poll<value_type> item(std::move(held_.front().item));
        held_.drop_front();
        // In batches: a driver that ran for each item would cost more than the item.
        if (!filling_ && weight_ <= most_ / 2) {
            filling_ = true;
            this->resume();
        }
        return item;
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .weight = most_});
        prefetching_operator::outline(out);
    }

private:
    struct weighed {
        weighed(value_type&& i, std::size_t w) : item(std::move(i)), weight{w} {}

        value_type item;
        std::size_t weight;
    };

    bool wants(context&) const noexcept { return filling_; }

    void on_item(value_type item, context&) {
        const std::size_t weight =
            std::min(detail::checked_count(std::invoke(weigh_, std::as_const(item)),
                                           "weir::buffer_weighted(max, weigh): a weight is negative"),
                     std::numeric_limits<std::size_t>::max() - weight_);
        held_.push_back(weighed(std::move(item), weight));
        weight_ += weight;
        filling_ = weight_ < most_;
        this->notify();
    }

    detail::ring_buffer<weighed> held_;
    std::size_t most_;
    std::size_t weight_ = 0; // of the items held
    bool filling_ = true;    // from half empty until full
    [[no_unique_address]] Weigh weigh_;
};

struct buffer_weighted_fn : detail::operator_fn<buffer_weighted_fn> {
    template <class S, class Most, class Weigh>
    using pipeline = buffer_weighted_stream<S, Weigh>;

    template <class T, class Most, class Weigh>
    static consteval bool accepts() {
        constexpr bool weighs = detail::gives_cost<Weigh, T>;
        static_assert(weighs, "weir::buffer_weighted(max, weigh): weigh cannot be called with an item, or does not "
                              "return a whole number");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::buffer_weighted(max, weigh) keeps items, and these borrow their memory; put "
                            "to_owned() before it, or outlives(view) around what outlives it");
        return weighs && kept;
    }

    template <std::integral N, class Weigh>
    constexpr auto operator()(N most, Weigh weigh) const {
        return with(detail::at_least_one(most, "weir::buffer_weighted(max, weigh): max must be at least 1"),
                    std::move(weigh));
    }
};

/// buffer_weighted(max, weigh): polls upstream ahead of a busy consumer while the items held weigh less than max.
///
///     in                         2-1-3-1-1|
///     consumer                   takes one item every eight ticks
///     buffer_weighted(4, value)  2-------1-------3-------1-------1|     (1, 3) are held, and then (1, 1)
///
///     weir::read(path) | weir::buffer_weighted(1 << 20, [](const weir::bytes& block) { return block.size(); })
///
/// The buffer fills from the first poll on. Once full, it fills again when half of the weight is free. What an item
/// weighs is known when it has come: the items held weigh at most max and the weight of one item. Items of weight 0 are
/// not limited.
///
/// Ends: with upstream. Errors: upstream's, what weigh throws, and std::invalid_argument for a negative weight. The
/// items held come before either, after upstream has been destroyed.
/// Dropped: the items held are lost.
/// Cost: memory for the items held, allocated as needed and kept.
/// See: buffer, chunk_weighted.
///
/// @throws std::invalid_argument when max is less than 1
inline constexpr buffer_weighted_fn buffer_weighted{};

} // namespace weir

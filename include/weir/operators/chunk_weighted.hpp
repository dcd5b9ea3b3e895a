// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/chunk.hpp>
#include <weir/operators/detail/collecting_operator.hpp>
#include <weir/operators/detail/gives_cost.hpp>

namespace weir {

/// The items of an upstream in vectors of a limited weight.
template <stream S, class Weigh, class Patience>
class [[nodiscard("add a sink and co_await it")]] chunk_weighted_stream
    : public detail::collecting_operator<chunk_weighted_stream<S, Weigh, Patience>, S, Weigh> {
    using collecting_operator = detail::collecting_operator<chunk_weighted_stream, S, Weigh>;
    friend collecting_operator;

public:
    using typename collecting_operator::value_type;

    chunk_weighted_stream(S upstream, std::size_t most, Weigh weigh, Patience patience)
        : collecting_operator(std::move(upstream)),
          most_{most},
          weigh_(std::move(weigh)),
          patience_{std::move(patience)} {}

    poll<value_type> poll_next(context& cx) {
        if (weight_ >= most_ && this->open()) return take(); // the item that did not fit is a chunk of its own
        return collecting_operator::poll_next(cx);
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .weight = most_});
        chunk_weighted_stream::collecting_operator::outline(out);
    }

private:
    auto adder(context& cx) {
        return [this, &cx](item_t<S>&& item) {
            const std::size_t weight = detail::checked_count(std::invoke(weigh_, std::as_const(item)),
                                                             "weir::chunk_weighted(max, weigh): a weight is negative");
            if constexpr (detail::may_drop<Weigh>) {
                if (cx.stopping()) [[unlikely]]
                    return true;
            }
            if (this->held_.empty() || weight > most_ - weight_) [[unlikely]]
                return begin(std::move(item), weight, cx);
            this->append(std::move(item));
            weight_ += weight;
            return weight_ < most_;
        };
    }
    /// Starts a chunk with an item. Returns false when a chunk is complete: the one before, or this one.
    [[gnu::noinline]] bool begin(item_t<S>&& item, std::size_t weight, context& cx) {
        value_type next;
        this->reserve(next, last_size_);
        next.push_back(std::move(item));
        complete_ = std::exchange(this->held_, std::move(next));
        weight_ = weight;
        patience_.start(cx);
        if (complete_.empty()) return weight_ < most_;
        last_size_ = complete_.size();
        return false;
    }
    value_type take() noexcept {
        if (!complete_.empty()) return std::exchange(complete_, {});
        weight_ = 0;
        last_size_ = this->held_.size();
        return std::exchange(this->held_, {});
    }
    bool due(context& cx) { return patience_.due(cx, this->holds()); }
    void upstream_ended() noexcept { patience_.stop(); }

    std::size_t most_;
    std::size_t weight_ = 0;    // of the items held
    std::size_t last_size_ = 0; // of the last chunk: the next one has memory for as many items at once
    value_type complete_;       // a chunk into which the next item did not fit
    [[no_unique_address]] Weigh weigh_;
    [[no_unique_address]] Patience patience_;
};

struct chunk_weighted_fn : detail::operator_fn<chunk_weighted_fn> {
    template <class S, class Most, class Weigh, class Patience>
    using pipeline = chunk_weighted_stream<S, Weigh, Patience>;

    template <class T, class Most, class Weigh, class Patience>
    static consteval bool accepts() {
        constexpr bool weighs = detail::gives_cost<Weigh, T>;
        static_assert(weighs, "weir::chunk_weighted(max, weigh): weigh cannot be called with an item, or does not "
                              "return a whole number");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::chunk_weighted(max, weigh) keeps items, and these borrow their memory; put "
                            "to_owned() before it, or outlives(view) around what outlives it");
        return weighs && kept;
    }

    template <std::integral N, class Weigh>
    constexpr auto operator()(N most, Weigh weigh) const {
        return with(checked(most), std::move(weigh), detail::chunk_waits_forever{});
    }
    template <std::integral N, class Weigh>
    constexpr auto operator()(N most, Weigh weigh, duration d) const {
        if (d < duration::zero()) throw std::invalid_argument{"weir::chunk_weighted(max, weigh, d): d is negative"};
        return with(checked(most), std::move(weigh), detail::chunk_is_due_after{d});
    }

private:
    template <std::integral N>
    static constexpr std::size_t checked(N most) {
        return detail::at_least_one(most, "weir::chunk_weighted(max, weigh): max must be at least 1");
    }
};

/// chunk_weighted(max, weigh): the items in std::vectors whose weights add up to no more than max.
/// chunk_weighted(max, weigh, d): the same, and what is held when d has passed since the first item of a chunk.
///
///     in                        --2--1--3--4--9--1--|
///     chunk_weighted(4, value)  --------A--B--C-----[D|]     A: (2, 1), B: (3) and (4), C: (9), D: (1)
///
///     weir::lines(path) | weir::chunk_weighted(64 * 1024, [](const weir::bytes& line) { return line.size(); })
///
/// A chunk leaves when its weight is max, or when an item has come that does not fit, which starts the next chunk. An
/// item that weighs more than max is a chunk of its own. A chunk is never empty.
///
/// Ends: with upstream. Errors: upstream's, what weigh throws, and std::invalid_argument for a negative weight. The
/// items held come before either, after upstream has been destroyed.
/// Dropped: the items held are lost.
/// Cost: allocations for each vector; one chunk held, and an item of the next.
/// See: chunk, buffer_weighted.
///
/// @throws std::invalid_argument when max is less than 1, or d is negative
inline constexpr chunk_weighted_fn chunk_weighted{};

} // namespace weir

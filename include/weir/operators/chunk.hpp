// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/collecting_operator.hpp>

namespace weir {

namespace detail {

/// No time limit: a chunk waits until it is full.
class chunk_waits_forever {
public:
    void start(context&) const noexcept {}
    bool due(context&) const noexcept { return false; }
    void stop() const noexcept {}
};

/// A time limit: a chunk is due some time after its first item.
class chunk_is_due_after {
public:
    explicit chunk_is_due_after(duration d) noexcept : d_{d} {}

    void start(context& cx) noexcept { deadline_.set(cx.executor().time_after(d_)); }
    bool due(context& cx) { return deadline_.poll(cx); }
    void stop() noexcept { deadline_.cancel(); }

private:
    duration d_;
    resettable_deadline deadline_;
};

} // namespace detail

/// The items of an upstream, several at a time.
template <stream S, class Patience>
class [[nodiscard("add a sink and co_await it")]] chunk_stream
    : public detail::collecting_operator<chunk_stream<S, Patience>, S> {
    using collecting_operator = detail::collecting_operator<chunk_stream, S>;
    friend collecting_operator;

public:
    using typename collecting_operator::value_type;

    chunk_stream(S upstream, std::size_t n, Patience patience)
        : collecting_operator(std::move(upstream)), n_{n}, patience_{std::move(patience)} {}

private:
    auto adder(context& cx) {
        return [this, &cx, room = n_ - this->held_.size()](item_t<S>&& item) mutable {
            if (room == n_) {
                this->reserve(this->held_, n_);
                patience_.start(cx);
            }
            this->append(std::move(item));
            return --room != 0;
        };
    }
    bool due(context& cx) { return patience_.due(cx); }
    void upstream_ended() noexcept { patience_.stop(); }

    std::size_t n_;
    [[no_unique_address]] Patience patience_;
};

struct chunk_fn : detail::operator_fn<chunk_fn> {
    template <class S, class N, class Patience>
    using pipeline = chunk_stream<S, Patience>;

    template <class T, class N, class Patience>
    static consteval bool accepts() {
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::chunk(n) keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return kept;
    }

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(checked(n), detail::chunk_waits_forever{});
    }
    template <std::integral N>
    constexpr auto operator()(N n, duration d) const {
        if (d < duration::zero()) throw std::invalid_argument{"weir::chunk(n, d): d is negative"};
        return with(checked(n), detail::chunk_is_due_after{d});
    }

private:
    template <std::integral N>
    static constexpr std::size_t checked(N n) {
        return detail::at_least_one(n, "weir::chunk(n): n must be at least 1");
    }
};

/// chunk(n): n items at a time, as a std::vector.
/// chunk(n, d): the same, and fewer items when d has passed since the first item of a chunk.
///
///     in           a--b--------c--d-----e--|
///     chunk(2)     ---(ab)-----------(cd)--------[(e)|]
///     chunk(3, 5)  -----(ab)-----------(cd)------[(e)|]
///
/// A chunk is never empty. A chunk whose time is over is emitted at the next poll, with the items that are ready then.
/// Upstream is not polled ahead. chunk(n, 0s) emits the ready items, and waits only for the first.
///
/// Ends: with upstream. Errors: upstream's. The items held come before either, when upstream has been destroyed.
/// Dropped: the items held are lost.
/// Cost: one allocation per chunk, for the chunk itself; at most n items held.
/// See: buffer, pairwise.
inline constexpr chunk_fn chunk{};

} // namespace weir

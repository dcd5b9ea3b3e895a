// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>
#include <weir/operators/detail/collecting_operator.hpp>
#include <weir/operators/detail/signal.hpp>

namespace weir {

namespace detail {

/// No time limit: a chunk waits until it is full.
class chunk_waits_forever {
public:
    void start(context&) const noexcept {}
    bool due(context&, bool) const noexcept { return false; }
    void stop() const noexcept {}

    void outline(stage_outline&) const noexcept {}
};

/// A time limit: a chunk is due some time after its first item.
class chunk_is_due_after {
public:
    explicit chunk_is_due_after(duration d) noexcept : d_{d} {}

    void start(context& cx) noexcept { deadline_.set(cx.executor().time_after(d_)); }
    bool due(context& cx, bool holds) { return holds && deadline_.poll(cx); }
    void stop() noexcept { deadline_.cancel(); }

    void outline(stage_outline&) const noexcept {}

private:
    duration d_;
    resettable_deadline deadline_;
};

/// A signal: a chunk is due when an item of another stream arrives.
template <stream Signal>
class chunk_is_due_at {
public:
    explicit chunk_is_due_at(Signal s) : signal_(std::move(s)) {}

    void start(context&) const noexcept {}
    bool due(context& cx, bool holds) { return signal_.arrived(cx) && holds; }
    void stop() noexcept { signal_.drop(); }

    void outline(stage_outline& out) const { signal_.outline(out); }

private:
    signal<Signal> signal_;
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

    void outline(stage_outline& out) const {
        out.holds(n_);
        chunk_stream::collecting_operator::outline(out);
        patience_.outline(out);
    }

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
    bool due(context& cx) { return patience_.due(cx, this->holds()); }
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
        const duration after = detail::not_negative(d, "weir::chunk(n, d): d is negative");
        return with(checked(n), detail::chunk_is_due_after{after});
    }
    template <std::integral N, class Signal>
        requires(!std::convertible_to<Signal, duration>)
    constexpr auto operator()(N n, Signal&& signal) const {
        using signal_t = std::remove_cvref_t<Signal>;
        if constexpr (!stream<signal_t>) {
            static_assert(
                detail::always_false<Signal>,
                "weir::chunk(n, d), chunk(n, signal): the second argument is neither a duration nor a stream");
            return detail::invalid_closure();
        } else if constexpr (!std::is_constructible_v<signal_t, Signal>) {
            static_assert(detail::always_false<Signal>, "weir::chunk(n, signal): a stream is used once and cannot be "
                                                        "copied: write chunk(n, std::move(signal))");
            return detail::invalid_closure();
        } else {
            return with(checked(n), detail::chunk_is_due_at<signal_t>(std::forward<Signal>(signal)));
        }
    }

private:
    template <std::integral N>
    static constexpr std::size_t checked(N n) {
        return detail::at_least_one(n, "weir::chunk(n): n must be at least 1");
    }
};

/// chunk(n): n items at a time, as a std::vector.
/// chunk(n, d): the same, and fewer items when d has passed since the first item of a chunk.
/// chunk(n, signal): the same, and fewer items when an item of the stream signal arrives.
///
///     in                a--b--------c--d-----e--|
///     chunk(2)          ---(ab)-----------(cd)--------[(e)|]
///     chunk(3, 5)       -----(ab)-----------(cd)------[(e)|]
///     signal            -s---s--------s----------s
///     chunk(3, signal)  -(a)-(b)------(c)--------[(de)|]
///
/// A chunk is never empty. A chunk whose time is over, or whose signal has arrived, is emitted at the next poll, with
/// the items that are ready then. Signals that arrive while nothing is held are ignored, and several between two polls
/// count as one. When the signal has ended, chunks have n items. Upstream is not polled ahead. chunk(n, 0s) emits the
/// ready items, and waits only for the first.
///
/// chunk(n, interval(5s)) emits chunks at the ticks of one clock, whenever their first items arrived.
///
/// Ends: with upstream. Errors: upstream's, and those of the signal. The items held come before either, when upstream
/// and the signal have been destroyed.
/// Dropped: the items held are lost.
/// Cost: one allocation per chunk, for the chunk itself; at most n items held.
/// See: window, buffer, chunk_by, sessions.
inline constexpr chunk_fn chunk{};

} // namespace weir

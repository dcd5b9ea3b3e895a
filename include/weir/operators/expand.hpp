// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/operators/detail/in_flight.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir {

namespace detail {

/// The items that wait to be expanded.
template <class T>
class expand_queue : public shared_state {
public:
    explicit expand_queue(std::size_t n) noexcept : limit_{n} {}

    /// The next item to be expanded; std::nullopt at first, for upstream. Ends when nothing runs that could add an
    /// item.
    poll<std::optional<T>> next(context& cx) {
        using answer = poll<std::optional<T>>;
        if (!started_) {
            started_ = true;
            running_ = 1;
            return answer(std::optional<T>{});
        }
        if (!waiting_.empty() && running_ - (upstream_runs_ ? 1 : 0) < limit_) {
            ++running_;
            return answer(std::optional<T>(waiting_.pop_front()));
        }
        if (running_ == 0) return done;
        reader_.arm(cx.waker());
        return pending;
    }

    std::size_t limit() const noexcept { return limit_; }

    void add(const T& item) {
        waiting_.push_back(item);
        reader_.wake();
    }
    void ended(bool upstream) noexcept {
        if (upstream) upstream_runs_ = false;
        --running_;
        reader_.wake();
    }

private:
    friend described;

    void describe(wait_report& report) const {
        report.object(this, "weir::expand", std::to_string(running_) + " streams run, of which none has an item");
    }

    std::size_t limit_;
    ring_buffer<T> waiting_;
    std::size_t running_ = 0;
    bool started_ = false;
    bool upstream_runs_ = true;
    described_slot reader_{*this};
};

/// The queue as a stream.
template <class T>
class expand_source {
public:
    using value_type = std::optional<T>;

    explicit expand_source(handle<expand_queue<T>, role::other> queue) noexcept : queue_{std::move(queue)} {}

    poll<value_type> poll_next(context& cx) { return queue_->next(cx); }

    void outline(stage_outline& out) const { out.holds(held_bound::any_number); }

private:
    handle<expand_queue<T>, role::other> queue_;
};

/// Upstream, or the stream of an item.
template <stream S, stream Inner>
class expansion {
public:
    using value_type = item_t<S>;

    expansion(expand_queue<value_type>& queue, S upstream) : queue_{queue}, upstream_(std::move(upstream)) {}
    template <class Make>
    expansion(expand_queue<value_type>& queue, std::in_place_t, Make make)
        : queue_{queue}, inner_(std::in_place, make()) {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_ ? upstream_->poll_next(cx) : inner_->poll_next(cx);
        if (item.is_done() && !cx.stopping()) queue_->ended(upstream_.has_value());
        return item;
    }

private:
    handle<expand_queue<value_type>, role::other> queue_;
    std::optional<S> upstream_;
    std::optional<Inner> inner_;
};

/// Makes the stream of an item, and that of upstream.
template <stream S, class F>
class expander {
    using T = item_t<S>;

public:
    using stream_type = expansion<S, std::invoke_result_t<F&, T>>;

    expander(handle<expand_queue<T>, role::other> queue, S upstream, F f)
        : queue_{std::move(queue)}, upstream_(std::move(upstream)), f_(std::move(f)) {}

    stream_type operator()(std::optional<T>&& item) {
        if (item) return stream_type(*queue_, std::in_place, [&] { return std::invoke(f_, *std::move(item)); });
        stream_type first(*queue_, *std::move(upstream_));
        upstream_.reset();
        return first;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    handle<expand_queue<T>, role::other> queue_;
    detail::resettable<S> upstream_;
    [[no_unique_address]] F f_;
};

} // namespace detail

/// The items of an upstream, those of the streams that a function returns for them, those of the streams for these, and
/// so on.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] expand_stream {
    using queue = detail::expand_queue<item_t<S>>;
    using shared = detail::handle<queue, detail::role::other>;
    using all = detail::in_flight_stream<detail::expand_source<item_t<S>>, detail::expander<S, F>,
                                         detail::inner_streams, detail::delivery::as_ready>;

public:
    using value_type = item_t<S>;

    expand_stream(S upstream, std::size_t n, F f)
        : queue_{*new queue{n}},
          all_(detail::expand_source<value_type>{queue_}, std::max(n, n + 1), // n + 1 may wrap to 0
               detail::expander<S, F>(queue_, std::move(upstream), std::move(f))) {}

    poll<value_type> poll_next(context& cx) {
        auto item = all_.poll_next(cx);
        if (item.is_item() && !cx.stopping()) queue_->add(std::as_const(*item));
        return item;
    }

    void outline(stage_outline& out) const {
        out.holds({.items = held_bound::any_number, .inner_streams = queue_ ? queue_->limit() : 0});
        all_.function().outline(out);
    }

private:
    shared queue_;
    all all_;
};

struct expand_fn : detail::operator_fn<expand_fn> {
    template <class S, class N, class F>
    using pipeline = expand_stream<S, F>;

    template <class T, class N, class F>
    static consteval bool accepts() {
        constexpr bool made = [] {
            if constexpr (detail::gives_stream<F&, T>) return std::same_as<item_t<std::invoke_result_t<F&, T>>, T>;
            return false;
        }();
        static_assert(made, "weir::expand(n, f): f cannot be called with an item, or does not return a stream of the "
                            "same type of item");
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied, "weir::expand(n, f): an item is emitted and expanded, and these items cannot be copied");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::expand(n, f) keeps items, and these borrow their memory; put to_owned() before it, "
                            "or outlives(view) around what outlives it");
        return made && copied && kept;
    }

    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return with(detail::at_least_one(n, "weir::expand(n, f): n must be at least 1"), std::move(f));
    }
};

/// expand(n, f): the items, the items of the streams that f returns for them, the items of the streams that f returns
/// for those, and so on, as they arrive. At most n of these streams run at a time.
///
///     in            --1----------|
///     expand(9, f)  --1--2--4----|     where f(x) is the item 2x, three ticks later, and nothing from 4 on
///
///     co_await (weir::just(root) | weir::expand(8, links_of) | weir::for_each(index));
///
/// An item is expanded when the consumer has taken it, in the order of the items. Upstream is polled besides the n
/// streams, as soon as its previous item was taken, whether or not the consumer is busy, and so is each of the streams.
/// f and the item of a stream exist until that stream has ended.
///
/// Ends: when upstream and all streams have ended and no item waits to be expanded.
/// Errors: the first one, after the items that were ready before; upstream and all streams are dropped at once.
/// Dropped: the items held are lost.
/// Cost: a copy of each item; one allocation per stream at a time, reused; up to n + 1 items held, and
/// any number of items that wait to be expanded: a tree that is wider than n is held level by level.
/// See: flat_map, walk.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr expand_fn expand{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of a stream of which the first was looked at. It may be moved at any time.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] begun_stream {
public:
    using value_type = item_t<S>;

    /// A stream that stays where it is, and the item that was taken from it.
    struct source {
        explicit source(S upstream) : items(std::move(upstream)) {}

        S items;
        std::optional<value_type> first{};
    };

    explicit begun_stream(std::unique_ptr<source> begun) noexcept : begun_{std::move(begun)} {}

    poll<value_type> poll_next(context& cx) {
        if (begun_->first) return take_first();
        return begun_->items.poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (begun_->first) {
            if (!consume(*take_first())) return flow::stopped;
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
        return weir::poll_each(begun_->items, cx, consume);
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        if (begun_) out.upstream(begun_->items);
    }

private:
    poll<value_type> take_first() {
        poll<value_type> item(*std::move(begun_->first));
        begun_->first.reset();
        return item;
    }

    std::unique_ptr<source> begun_;
};

/// The items of the stream that a function returned for the first item of an upstream.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] switch_on_first_stream {
    using begun = begun_stream<S>;
    using inner_t = std::invoke_result_t<F&, const item_t<S>&, begun>;

public:
    using value_type = item_t<inner_t>;

    switch_on_first_stream(S upstream, F f) : f_(std::move(f)), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        if (!inner_) {
            const flow answer = open(cx);
            if (answer == flow::pending) return pending;
            if (answer == flow::done) return done;
        }
        return inner_->poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!inner_) {
            if (const flow answer = open(cx); answer != flow::stopped) return answer;
        }
        return weir::poll_each(*inner_, cx, consume);
    }

    void outline(stage_outline& out) const {
        if (inner_) {
            out.upstream(inner_);
            return;
        }
        out.holds({.items = 1, .inner_streams = 1});
        if (source_) {
            out.upstream(source_->items);
        } else {
            out.upstream(upstream_);
        }
    }

private:
    /// Asks for the first item, and makes the inner stream of it. Answers `stopped` when there is one.
    flow open(context& cx) {
        if (upstream_) {
            source_ = std::make_unique<typename begun::source>(std::move(*upstream_)); // where it stays
            upstream_.reset();
        }
        auto item = source_->items.poll_next(cx);
        if (cx.stopping() || item.is_pending()) return flow::pending;
        if (item.is_done()) {
            source_.reset();
            return flow::done;
        }
        source_->first.emplace(*std::move(item));
        const item_t<S>& head = *source_->first;
        inner_.construct_with([&] { return std::invoke(f_, head, begun(std::move(source_))); });
        if (!cx.leaving()) return flow::stopped;
        return detail::yield_loop(cx);
    }

    [[no_unique_address]] F f_;
    detail::resettable<S> upstream_; // until the first poll
    std::unique_ptr<typename begun::source> source_;
    detail::manual_lifetime<inner_t> inner_;
};

struct switch_on_first_fn : detail::operator_fn<switch_on_first_fn> {
    template <class S, class F>
    using pipeline = switch_on_first_stream<S, F>;

    template <stream S, class F>
    static constexpr auto attach(S left, F f) {
        constexpr bool kept = detail::keepable<item_t<S>>;
        static_assert(kept, "weir::switch_on_first(f) keeps an item, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        constexpr bool ok = detail::gives_stream<F&, const item_t<S>&, begun_stream<S>>;
        static_assert(ok, "weir::switch_on_first(f): f cannot be called with the first item and the stream of all, or "
                          "does not return a stream");
        if constexpr (kept && ok) {
            return pipeline<S, F>(std::move(left), std::move(f));
        } else {
            return detail::invalid_pipeline{};
        }
    }

    template <class F>
    constexpr auto operator()(F f) const {
        return with(std::move(f));
    }
};

/// switch_on_first(f): the items of the stream f(first, items), where first is the first item of upstream and items is
/// the stream of all its items, the first included.
///
///     in                  --2--a--b--c--|
///     switch_on_first(f)  --2--a--|          where f(n, items) is items | take(n)
///
///     weir::read(socket) | weir::switch_on_first([](const weir::bytes& first, auto items) {
///         return std::move(items) | decoder_for(first);
///     })
///
/// f is called once. first is valid until its item was taken from the stream of all. f decides by values, and returns
/// one type of stream: weir::async_stream<T>, where the pipelines differ.
///
/// Ends: with the stream that f returned, or with an upstream without items, for which f is not called.
/// Errors: upstream's before the first item, what f throws, and then those of the stream that f returned, which sees
/// the later ones of upstream.
/// Dropped: the item held is lost.
/// Cost: an allocation for upstream; one item held.
/// See: prefix_and_tail, concat_map.
inline constexpr switch_on_first_fn switch_on_first{};

} // namespace weir

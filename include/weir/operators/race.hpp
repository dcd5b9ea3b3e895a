// SPDX-License-Identifier: MIT
#pragma once

#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

/// The items of the first of several streams that answers.
template <class T, class Children>
class [[nodiscard("add a sink and co_await it")]] race_stream {
public:
    using value_type = T;

    explicit race_stream(Children children) : children_{std::move(children)} {}

    poll<T> poll_next(context& cx) {
        if (winner_ == nullptr) [[unlikely]]
            return decide(cx);
        return children_.visit(*winner_, [&](auto& c) { return c.source->poll_next(cx); });
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (winner_ == nullptr) [[unlikely]] {
            {
                auto item = decide(cx);
                if (item.is_pending()) return flow::pending;
                if (item.is_done()) return flow::done;
                if (!consume(*std::move(item))) return flow::stopped;
            }
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
        return children_.visit(*winner_, [&](auto& c) { return weir::poll_each(*c.source, cx, consume); });
    }

    void outline(stage_outline& out) const { detail::outline_children(out, children_); }

private:
    friend detail::described;

    void describe(detail::wait_report& report) {
        detail::describe_children(report, detail::type_name<race_stream>(), children_);
    }

    /// Polls the streams that were not polled yet or have woken, until one answers.
    [[gnu::cold, gnu::noinline]] poll<T> decide(context& cx) {
        if (!started_) {
            started_ = true;
            children_.each([&](auto& c) { due_.adopt(c, cx.waker()); });
            if (due_.empty()) return done; // the range was empty
        }
        try {
            while (!due_.empty()) {
                detail::child& next = due_.pop_front();
                auto answer = children_.visit(next, [&](auto& c) { return c.poll_next(cx); });
                if (cx.stopping()) return pending;
                if (!answer.is_pending()) {
                    if (answer.is_item()) winner_ = &next;
                    drop_losers();
                    if (cx.stopping()) return pending;
                    return answer;
                }
                if (!cx.spend() || cx.leaving()) return cx.yield();
            }
        } catch (...) {
            if (!cx.stopping()) drop_losers();
            throw;
        }
        return due_.wait(cx);
    }

    /// Destroys all streams but the winner.
    void drop_losers() noexcept {
        due_.clear();
        children_.each([&](auto& c) {
            if (&c != winner_) return c.drop();
            c.retire(); // from now on it has the consumer's waker
        });
    }

    Children children_;
    detail::ready_children due_{*this}; // children to be polled, until one has won
    detail::child* winner_ = nullptr;
    bool started_ = false;
};

struct race_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        using first_t = std::remove_cvref_t<First>;
        if constexpr (sizeof...(Rest) == 0 && !stream<first_t> && std::ranges::input_range<First>) {
            using source = std::ranges::range_value_t<First>;
            if constexpr (!stream<source>) {
                static_assert(detail::always_false<First>, "weir::race(range): the range's items are not streams");
                return detail::invalid_pipeline{};
            } else if constexpr (!detail::readable_range<First>) {
                static_assert(detail::always_false<First>,
                              "weir::race(range): a stream is used once and cannot be copied out of the range: write "
                              "race(std::move(range))");
                return detail::invalid_pipeline{};
            } else {
                using children = detail::children_vector<source>;
                return race_stream<item_t<source>, children>(detail::children_from(std::forward<First>(front)));
            }
        } else if constexpr (!(stream<first_t> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>, "weir::race(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_same_v<item_t<first_t>, item_t<std::remove_cvref_t<Rest>>> && ...)) {
            static_assert(detail::always_false<First>,
                          "weir::race(streams...): the streams differ in their type of item; map them to one");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<first_t, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>, "weir::race(streams...): a stream is used once and cannot be "
                                                       "copied: write race(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            using children = detail::children_of<first_t, std::remove_cvref_t<Rest>...>;
            return race_stream<item_t<first_t>, children>(
                children(first_t(std::forward<First>(front)), std::remove_cvref_t<Rest>(std::forward<Rest>(rest))...));
        }
    }
};

/// race(streams...), race(range of streams): the items of the stream that answers first.
///
///     a           -----1---2--|
///     b           --3---4-----5--|
///     race(a, b)  --3---4-----5--|
///
/// All streams are polled at the same time, until one of them has an item, ends or fails, as in RxJava's `amb`. The
/// others are destroyed before this answer is handed on. Of streams that become ready in the same turn the one that
/// has woken first wins, and at the first poll the first in the list.
///
/// Ends: with the winner; a race of no streams ends at once.
/// Errors: the winner's.
/// Dropped: nothing is taken from a stream that loses.
/// Cost: one allocation for a range; no item held.
/// See: merge, when_any, hedge.
inline constexpr race_fn race{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

/// A number of items of each of several streams in turn.
template <class T, class Children>
class [[nodiscard("add a sink and co_await it")]] interleave_stream {
public:
    using value_type = T;

    interleave_stream(Children children, std::size_t n) : children_{std::move(children)}, n_{n} {}

    poll<T> poll_next(context& cx) {
        if (!started_) {
            started_ = true;
            children_.each([&](auto& c) { turns_.push_back(c); });
        }
        while (!turns_.empty()) {
            detail::child& current = turns_.front();
            auto item = children_.visit(current, [&](auto& c) { return c.source->poll_next(cx); });
            if (cx.stopping()) return item;
            if (item.is_item() && ++given_ == n_) {
                given_ = 0;
                turns_.to_back(current);
            }
            if (!item.is_done()) return item;
            given_ = 0;
            turns_.pop_front();
            children_.visit(current, [](auto& c) { c.drop(); });
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
        return done;
    }

    void outline(stage_outline& out) const { detail::outline_children(out, children_); }

private:
    Children children_;
    detail::linked_queue<detail::child> turns_; // the streams that have not ended; it is the turn of the first
    std::size_t n_;
    std::size_t given_ = 0; // items of the first in its turn
    bool started_ = false;
};

struct interleave_fn : operator_needs_its_arguments_in_parentheses {
    template <std::integral N, class First, class... Rest>
    constexpr auto operator()(N n, First&& front, Rest&&... rest) const {
        const std::size_t limit = detail::at_least_one(n, "weir::interleave(n, streams...): n must be at least 1");
        using first_t = std::remove_cvref_t<First>;
        if constexpr (sizeof...(Rest) == 0 && !stream<first_t> && std::ranges::input_range<First>) {
            using source = std::ranges::range_value_t<First>;
            if constexpr (!stream<source>) {
                static_assert(detail::always_false<First>,
                              "weir::interleave(n, range): the range's items are not streams");
                return detail::invalid_pipeline{};
            } else if constexpr (!detail::readable_range<First>) {
                static_assert(detail::always_false<First>,
                              "weir::interleave(n, range): a stream is used once and cannot be copied out of the "
                              "range: write interleave(n, std::move(range))");
                return detail::invalid_pipeline{};
            } else {
                using children = detail::children_vector<source>;
                return interleave_stream<item_t<source>, children>(detail::children_from(std::forward<First>(front)),
                                                                   limit);
            }
        } else if constexpr (!(stream<first_t> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>, "weir::interleave(n, streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_same_v<item_t<first_t>, item_t<std::remove_cvref_t<Rest>>> && ...)) {
            static_assert(detail::always_false<First>,
                          "weir::interleave(n, streams...): the streams differ in their type of item; map them to one");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<first_t, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::interleave(n, streams...): a stream is used once and cannot be copied: write "
                          "interleave(n, std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            using children = detail::children_of<first_t, std::remove_cvref_t<Rest>...>;
            return interleave_stream<item_t<first_t>, children>(
                children(first_t(std::forward<First>(front)), std::remove_cvref_t<Rest>(std::forward<Rest>(rest))...),
                limit);
        }
    }
    template <class First, class... Rest>
    constexpr auto operator()(First&&, Rest&&...) const {
        static_assert(detail::always_false<First>,
                      "weir::interleave(n, streams...): say first how many items of a stream come in its turn");
        return detail::invalid_pipeline{};
    }
};

/// interleave(n, streams...), interleave(n, range of streams): n items of the first stream, then n of the second, and
/// so on, and then again of the first.
///
///     a                    1-2-3-4-5-6|
///     b                    ---a--b|
///     interleave(2, a, b)  1-2a--[b34]-5-6|
///
/// Only the stream whose turn has come is polled, and the others wait for it, as in Akka's `interleave`. A stream that
/// has ended is destroyed and skipped from then on. The streams have the same type of item.
///
/// Ends: when all streams have ended.
/// Errors: those of the stream whose turn it is.
/// Cost: one allocation for a range; no item held. The cost per item does not grow with the number of streams.
/// See: merge (as they arrive), concat, zip.
///
/// @param n  the number of items of a stream in its turn
/// @throws std::invalid_argument when n is less than 1
inline constexpr interleave_fn interleave{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of several streams, stream after stream.
template <stream First, stream... Rest>
class [[nodiscard("add a sink and co_await it")]] concat_stream {
public:
    using value_type = item_t<First>;

    explicit concat_stream(First head, Rest... rest) : streams_(std::move(head), std::move(rest)...) {}

    poll<value_type> poll_next(context& cx) { return poll_from<0>(cx); }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        return poll_each_from<0>(cx, consume);
    }

    void outline(stage_outline& out) const {
        std::apply([&](const auto&... each) { (out.upstream(each), ...); }, streams_);
    }

private:
    template <std::size_t I>
    poll<value_type> poll_from(context& cx) {
        auto& current = std::get<I>(streams_);
        if constexpr (I == sizeof...(Rest)) {
            return current->poll_next(cx);
        } else {
            if (current) {
                auto item = current->poll_next(cx);
                if (!item.is_done()) return item;
                current.reset();
                if (!cx.spend() || cx.leaving()) return cx.yield();
            }
            return poll_from<I + 1>(cx);
        }
    }

    template <std::size_t I, class Consume>
    flow poll_each_from(context& cx, Consume& consume) {
        auto& current = std::get<I>(streams_);
        if constexpr (I == sizeof...(Rest)) {
            return weir::poll_each(*current, cx, consume);
        } else {
            if (current) {
                const flow answer = weir::poll_each(*current, cx, consume);
                if (answer != flow::done) return answer;
                current.reset();
                if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
            }
            return poll_each_from<I + 1>(cx, consume);
        }
    }

    std::tuple<std::optional<First>, std::optional<Rest>...> streams_;
};

/// The items of the streams of a range, stream after stream.
template <detail::readable_range R>
class [[nodiscard("add a sink and co_await it")]] concat_range_stream {
    using stream_t = std::ranges::range_value_t<R>;

public:
    using value_type = item_t<stream_t>;

    explicit concat_range_stream(R&& streams) : streams_{std::forward<R>(streams)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            if (!current_) {
                auto next = streams_.next();
                if (next.is_done()) return done;
                current_.emplace(*std::move(next));
            }
            auto item = current_->poll_next(cx);
            if (!item.is_done()) return item;
            current_.reset();
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        for (;;) {
            if (!current_) {
                auto next = streams_.next();
                if (next.is_done()) return flow::done;
                current_.emplace(*std::move(next));
            }
            const flow answer = weir::poll_each(*current_, cx, consume);
            if (answer != flow::done) return answer;
            current_.reset();
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
    }

    void outline(stage_outline& out) const {
        if (current_) out.upstream(*current_);
        streams_.outline_streams(out);
    }

private:
    detail::range_items<R> streams_;
    std::optional<stream_t> current_;
};

struct concat_fn {
    template <class First, class... Rest>
    constexpr auto operator()(First&& head, Rest&&... rest) const {
        if constexpr (sizeof...(Rest) == 0 && std::ranges::input_range<First>) {
            if constexpr (!stream<std::ranges::range_value_t<First>>) {
                static_assert(detail::always_false<First>, "weir::concat(range): the range's items are not streams");
                return detail::invalid_pipeline{};
            } else if constexpr (!detail::readable_range<First>) {
                static_assert(detail::always_false<First>,
                              "weir::concat(range): a stream is used once and cannot be copied out of the range: write "
                              "concat(std::move(range))");
                return detail::invalid_pipeline{};
            } else {
                return concat_range_stream<First>{std::forward<First>(head)};
            }
        } else if constexpr (!(stream<std::remove_cvref_t<First>> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>,
                          "weir::concat(streams...): takes streams, or one range of streams");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::same_as<item_t<std::remove_cvref_t<First>>, item_t<std::remove_cvref_t<Rest>>> &&
                               ...)) {
            static_assert(detail::always_false<First>,
                          "weir::concat(streams...): the streams have different item types; map them to one");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::constructible_from<std::remove_cvref_t<First>, First> && ... &&
                               std::constructible_from<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::concat(streams...): a stream is used once and cannot be copied: write "
                          "concat(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            return concat_stream<std::remove_cvref_t<First>, std::remove_cvref_t<Rest>...>{std::forward<First>(head),
                                                                                           std::forward<Rest>(rest)...};
        }
    }
};

/// concat(streams...), concat(range of streams): all items of the first stream, then all of the second, and so on. A
/// stream is not polled before its predecessors have ended, and is destroyed when it has ended. A lazy range creates
/// each stream when its turn has come.
///
///     a             --1--2|
///     b             -3-4|
///     concat(a, b)  --1--2-3-4|
///
/// The streams have the same type of item.
///
/// Ends: with the last stream. Errors: those of the present stream.
/// Cost: no allocation; no item held.
/// See: merge, start_with, concat_map.
inline constexpr concat_fn concat{};

} // namespace weir

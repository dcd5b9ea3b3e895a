// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/zipped.hpp>

namespace weir {

/// The first items of several streams as a tuple, then the second ones, and so on.
template <stream... S>
class [[nodiscard("add a sink and co_await it")]] zip_stream : public detail::zipped<zip_stream<S...>, S...> {
    using base = detail::zipped<zip_stream<S...>, S...>;
    friend base;

public:
    using value_type = std::tuple<item_t<S>...>;

    explicit zip_stream(S... sources) : base(std::move(sources)...) {}

private:
    /// Polls every stream without an item, also behind a pending stream, but no stream behind one that has ended.
    template <class... Side>
    poll<value_type> ask(context& cx, Side&... each) {
        bool complete = true;
        bool ended = false;
        const auto ask_one = [&](auto& one) {
            if (one.held) return true;
            auto item = one.source->poll_next(cx);
            if (cx.stopping()) return false;
            if (item.is_item()) [[likely]] {
                one.held.emplace(*std::move(item));
                return true;
            }
            complete = false;
            ended = item.is_done();
            return !ended;
        };
        const bool all_asked = (ask_one(each) && ...);
        if (all_asked && complete) [[likely]] {
            poll<value_type> items(value_type(*std::move(each.held)...));
            (each.held.reset(), ...);
            return items;
        }
        if (!ended) return pending;
        this->drop();
        return done;
    }
};

/// The same for a range of streams, as vectors.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] zip_range_stream {
public:
    using value_type = std::vector<item_t<S>>;

    /// @param sources  a range of streams
    template <class Range>
    explicit zip_range_stream(Range&& sources) {
        for (auto&& each : sources) {
            if constexpr (detail::owned_container<Range>) {
                sides_.emplace_back(std::move(each));
            } else {
                sides_.emplace_back(std::forward<decltype(each)>(each));
            }
        }
    }

    poll<value_type> poll_next(context& cx) {
        try {
            return ask(cx);
        } catch (...) {
            sides_.clear();
            throw;
        }
    }

private:
    /// Polls every stream without an item, also after a pending one, but none after one that has ended.
    poll<value_type> ask(context& cx) {
        if (sides_.empty()) return done;
        bool complete = true;
        for (auto& one : sides_) {
            if (one.held) continue;
            auto item = one.source->poll_next(cx);
            if (cx.stopping()) return pending;
            if (item.is_item()) {
                one.held.emplace(*std::move(item));
            } else if (item.is_done()) {
                sides_.clear();
                return done;
            } else {
                complete = false;
            }
        }
        if (!complete) return pending;
        value_type items;
        items.reserve(sides_.size());
        for (auto& one : sides_) {
            items.push_back(*std::move(one.held));
            one.held.reset();
        }
        return items;
    }

    std::vector<detail::zipped_side<S>> sides_;
};

struct zip_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        if constexpr (sizeof...(Rest) == 0 && !stream<std::remove_cvref_t<First>> && std::ranges::input_range<First>) {
            using source = std::ranges::range_value_t<First>;
            if constexpr (!stream<source>) {
                static_assert(detail::always_false<First>, "weir::zip(range): the range's items are not streams");
                return detail::invalid_pipeline{};
            } else if constexpr (!detail::readable_range<First>) {
                static_assert(detail::always_false<First>,
                              "weir::zip(range): a stream is used once and cannot be copied out of the range: write "
                              "zip(std::move(range))");
                return detail::invalid_pipeline{};
            } else {
                return zip_range_stream<source>(std::forward<First>(front));
            }
        } else if constexpr (!(stream<std::remove_cvref_t<First>> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>, "weir::zip(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<First>, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>, "weir::zip(streams...): a stream is used once and cannot be "
                                                       "copied: write zip(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            return zip_stream<std::remove_cvref_t<First>, std::remove_cvref_t<Rest>...>{std::forward<First>(front),
                                                                                        std::forward<Rest>(rest)...};
        }
    }
};

/// zip(streams...): the first items of all as a tuple, then the second ones, and so on.
/// zip(range of streams): the same as std::vectors.
///
///     a          --1--2-----3--|
///     b          ---a----b--|
///     zip(a, b)  ---A----B--|     (1, a), (2, b)
///
/// All streams are polled at the same time. An early item is kept until its tuple is complete.
///
/// Ends: with the first stream that ends; at once without streams. Streams after it are not asked for an item that can
/// have no partner.
/// Errors: the first one. The other streams are destroyed before the end or the error.
/// Dropped: items without a partner are lost.
/// Cost: no allocation, but for the vectors of a range; one item of each held.
/// See: zip_longest, unzip, combine_latest, merge, enumerate.
inline constexpr zip_fn zip{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <ranges>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/zipped.hpp>

namespace weir {

/// The first items of several streams as a tuple, then the second ones, and so on.
template <class Sides, class OnDrop = detail::drop_silently>
class zip_stream;

template <stream... S, class OnDrop>
class [[nodiscard("add a sink and co_await it")]] zip_stream<detail::zipped_sides<S...>, OnDrop>
    : public detail::zipped<zip_stream<detail::zipped_sides<S...>, OnDrop>, OnDrop, S...> {
    using base = detail::zipped<zip_stream, OnDrop, S...>;
    friend base;

public:
    using value_type = std::tuple<item_t<S>...>;

    explicit zip_stream(OnDrop on_drop, S... sources) : base(std::move(on_drop), std::move(sources)...) {}

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
        this->drop(cx);
        if (cx.stopping()) return pending;
        return done;
    }
};

/// The same for a range of streams, as vectors.
template <stream S, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] zip_range_stream {
public:
    using value_type = std::vector<item_t<S>>;

    /// @param sources  a range of streams
    template <class Range>
    explicit zip_range_stream(OnDrop on_drop, Range&& sources) : on_drop_(std::move(on_drop)) {
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
            drop(cx);
            throw;
        }
    }

    void outline(stage_outline& out) const {
        out.holds(sides_.size());
        for (const auto& one : sides_) out.upstream(one.source);
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
                drop(cx);
                if (cx.stopping()) return pending;
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

    /// Destroys the streams, and then drops the items without a partner.
    void drop(context& cx) noexcept {
        for (auto& one : sides_) one.source.reset();
        for (auto& one : sides_) detail::drop_unmatched(on_drop_, one.held, cx);
        sides_.clear();
    }

    std::vector<detail::zipped_side<S>> sides_;
    [[no_unique_address]] OnDrop on_drop_;
};

struct zip_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        const auto make = []<class OnDrop, class... Args>(OnDrop on_drop, Args&&... args) {
            using first_t = std::tuple_element_t<0, std::tuple<Args...>>;
            if constexpr (sizeof...(Args) == 1 && !stream<std::remove_cvref_t<first_t>> &&
                          std::ranges::input_range<first_t>) {
                return of_range(std::move(on_drop), std::forward<Args>(args)...);
            } else {
                return of_streams(std::move(on_drop), std::forward<Args>(args)...);
            }
        };
        return detail::with_on_drop(make, std::forward<First>(front), std::forward<Rest>(rest)...);
    }

private:
    template <class OnDrop, class Range>
    static constexpr auto of_range(OnDrop on_drop, Range&& range) {
        using source = std::ranges::range_value_t<Range>;
        if constexpr (!stream<source>) {
            static_assert(detail::always_false<Range>, "weir::zip(range): the range's items are not streams");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::readable_range<Range>) {
            static_assert(detail::always_false<Range>,
                          "weir::zip(range): a stream is used once and cannot be copied out of the range: write "
                          "zip(std::move(range))");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::drops_items<OnDrop, item_t<source>>) {
            static_assert(detail::always_false<OnDrop>, "weir::zip(range, on_drop): on_drop cannot be called with "
                                                        "(item) or (item, drop_reason), or returns an operation "
                                                        "or a stream, which nothing would await");
            return detail::invalid_pipeline{};
        } else {
            return zip_range_stream<source, OnDrop>(std::move(on_drop), std::forward<Range>(range));
        }
    }

    template <class OnDrop, class... S>
    static constexpr auto of_streams(OnDrop on_drop, S&&... streams) {
        if constexpr (!(stream<std::remove_cvref_t<S>> && ...)) {
            static_assert(detail::always_false<OnDrop>, "weir::zip(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<S>, S> && ...)) {
            static_assert(detail::always_false<OnDrop>, "weir::zip(streams...): a stream is used once and cannot be "
                                                        "copied: write zip(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::drops_items<OnDrop, item_t<std::remove_cvref_t<S>>...>) {
            static_assert(detail::always_false<OnDrop>,
                          "weir::zip(streams..., on_drop): the last argument is neither a stream nor a function that "
                          "can be called with an item of each of the streams, and returns nothing to be awaited");
            return detail::invalid_pipeline{};
        } else {
            return zip_stream<detail::zipped_sides<std::remove_cvref_t<S>...>, OnDrop>(std::move(on_drop),
                                                                                       std::forward<S>(streams)...);
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
/// Dropped: items without a partner are passed to on_drop, the last argument, if there is one.
/// Cost: no allocation, but for the vectors of a range; one item of each held.
/// See: zip_longest, unzip, combine_latest, merge, enumerate.
inline constexpr zip_fn zip{};

} // namespace weir

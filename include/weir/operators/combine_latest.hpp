// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
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
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>
#include <weir/operators/detail/zipped.hpp>

namespace weir {

/// The latest items of several streams, whenever one of them has a new item.
template <class Sides, class OnDrop = detail::drop_silently>
class combine_latest_stream;

template <stream... S, class OnDrop>
class [[nodiscard("add a sink and co_await it")]] combine_latest_stream<detail::zipped_sides<S...>, OnDrop>
    : public detail::over_children<combine_latest_stream<detail::zipped_sides<S...>, OnDrop>, std::tuple<item_t<S>...>,
                                   detail::children_tuple<std::index_sequence_for<S...>, S...>> {
    using children = detail::children_tuple<std::index_sequence_for<S...>, S...>;
    using base = detail::over_children<combine_latest_stream, std::tuple<item_t<S>...>, children>;
    friend base;
    static_assert((detail::keepable<item_t<S>> && ...),
                  "weir::combine_latest(streams...) keeps items, and these borrow their memory; put to_owned() before "
                  "it, or outlives(view) around what outlives it");

public:
    using value_type = std::tuple<item_t<S>...>;

    explicit combine_latest_stream(OnDrop on_drop, S... sources)
        : base(children(std::move(sources)...)), on_drop_(std::move(on_drop)) {}

    void outline(stage_outline& out) const {
        out.holds(sizeof...(S));
        combine_latest_stream::over_children::outline(out);
    }

private:
    static constexpr bool passes_all = false;

    template <class Child>
    auto& latest_of(Child&) noexcept {
        return std::get<Child::position>(latest_);
    }

    template <class Child, class Item>
    poll<value_type> pass(Child& from, Item item) {
        auto& latest = latest_of(from);
        if (latest) { // a move that throws leaves none
            latest.reset();
            ++missing_;
        }
        latest.emplace(std::move(item));
        --missing_;
        // The stream is not polled again until its first item was part of a tuple.
        if (missing_ != 0) return this->park();
        this->release_parked();
        return std::apply([](const auto&... each) { return poll<value_type>(value_type(*each...)); }, latest_);
    }
    template <class Child>
    bool ends_all(Child& ended) noexcept {
        return !latest_of(ended);
    }
    void drop_unmatched(context& cx) noexcept {
        if (missing_ == 0) return;
        std::apply([&](auto&... each) { (detail::drop_unmatched(on_drop_, each, cx), ...); }, latest_);
    }

    std::tuple<std::optional<item_t<S>>...> latest_;
    std::size_t missing_ = sizeof...(S);
    [[no_unique_address]] OnDrop on_drop_;
};

/// The same for a range of streams, as vectors.
template <stream S, class OnDrop = detail::drop_silently>
class [[nodiscard("add a sink and co_await it")]] combine_latest_range_stream
    : public detail::over_children<combine_latest_range_stream<S, OnDrop>, std::vector<item_t<S>>,
                                   detail::children_vector<S>> {
    using children = detail::children_vector<S>;
    using base = detail::over_children<combine_latest_range_stream, std::vector<item_t<S>>, children>;
    friend base;
    static_assert(
        detail::keepable<item_t<S>>,
        "weir::combine_latest(range) keeps items, and these borrow their memory; put to_owned() before it, or "
        "outlives(view) around what outlives it");

public:
    using value_type = std::vector<item_t<S>>;

    combine_latest_range_stream(OnDrop on_drop, children sources)
        : base(numbered(std::move(sources))),
          latest_(this->size()),
          missing_{this->size()},
          on_drop_(std::move(on_drop)) {}

    void outline(stage_outline& out) const {
        out.holds(latest_.size());
        combine_latest_range_stream::over_children::outline(out);
    }

private:
    static constexpr bool passes_all = false;

    static children numbered(children sources) {
        sources.each([i = std::size_t{0}](auto& c) mutable { c.renumber(i++); });
        return sources;
    }

    template <class Child>
    poll<value_type> pass(Child& from, item_t<S> item) {
        auto& latest = latest_[from.index()];
        if (!latest) --missing_;
        latest.emplace(std::move(item));
        if (missing_ != 0) return this->park();
        this->release_parked();
        value_type items;
        items.reserve(latest_.size());
        for (const auto& each : latest_) items.push_back(*each);
        return items;
    }
    template <class Child>
    bool ends_all(Child& ended) noexcept {
        return !latest_[ended.index()];
    }
    void drop_unmatched(context& cx) noexcept {
        if (missing_ == 0) return;
        for (auto& each : latest_) detail::drop_unmatched(on_drop_, each, cx);
    }

    std::vector<std::optional<item_t<S>>> latest_;
    std::size_t missing_;
    [[no_unique_address]] OnDrop on_drop_;
};

struct combine_latest_fn : operator_needs_its_arguments_in_parentheses {
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
            static_assert(detail::always_false<Range>,
                          "weir::combine_latest(range): the range's items are not streams");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::readable_range<Range>) {
            static_assert(detail::always_false<Range>,
                          "weir::combine_latest(range): a stream is used once and cannot be copied out of the range: "
                          "write combine_latest(std::move(range))");
            return detail::invalid_pipeline{};
        } else if constexpr (!std::copy_constructible<item_t<source>>) {
            static_assert(detail::always_false<Range>, "weir::combine_latest(range): an item goes into several "
                                                       "vectors, and cannot be copied");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::drops_items<OnDrop, item_t<source>>) {
            static_assert(detail::always_false<OnDrop>,
                          "weir::combine_latest(range, on_drop): on_drop cannot be called with (item) or (item, "
                          "drop_reason), or returns an operation or a stream, which nothing would await");
            return detail::invalid_pipeline{};
        } else {
            return combine_latest_range_stream<source, OnDrop>(std::move(on_drop),
                                                               detail::children_from(std::forward<Range>(range)));
        }
    }

    template <class OnDrop, class... S>
    static constexpr auto of_streams(OnDrop on_drop, S&&... streams) {
        if constexpr (!(stream<std::remove_cvref_t<S>> && ...)) {
            static_assert(detail::always_false<OnDrop>,
                          "weir::combine_latest(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<S>, S> && ...)) {
            static_assert(detail::always_false<OnDrop>,
                          "weir::combine_latest(streams...): a stream is used once and cannot be copied: write "
                          "combine_latest(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::copy_constructible<item_t<std::remove_cvref_t<S>>> && ...)) {
            static_assert(detail::always_false<OnDrop>, "weir::combine_latest(streams...): an item goes into several "
                                                        "tuples, and cannot be copied");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::drops_items<OnDrop, item_t<std::remove_cvref_t<S>>...>) {
            static_assert(detail::always_false<OnDrop>,
                          "weir::combine_latest(streams..., on_drop): the last argument is neither a stream nor a "
                          "function that can be called with an item of each of the streams, alone or with a "
                          "drop_reason, and returns nothing to be awaited");
            return detail::invalid_pipeline{};
        } else {
            return combine_latest_stream<detail::zipped_sides<std::remove_cvref_t<S>...>, OnDrop>(
                std::move(on_drop), std::forward<S>(streams)...);
        }
    }
};

/// combine_latest(streams...): copies of the latest items of all streams as a tuple, once each stream has had an item,
/// and then for each further item.
/// combine_latest(range of streams): the same as std::vectors.
///
///     a                     --1-----2------3--|
///     b                     ----a------b-----------|
///     combine_latest(a, b)  ----A---B--C---D-------|     (1, a), (2, a), (2, b), (3, b)
///
/// All streams are polled at the same time, and each again when its item was part of a tuple, so that every item
/// appears at least once. A stream is therefore not polled for its second item until each stream has delivered its
/// first. While the consumer is busy at most one further item per stream is held. Streams that are ready take turns.
///
/// Ends: when all have ended, or when one has ended without an item.
/// Errors: the first one, when the others have been destroyed; items that were ready before it come before it.
/// Dropped: items that found no partner, because another stream had no item, are passed to on_drop, the last argument,
/// if there is one, when the streams have been destroyed.
/// Cost: no allocation, but for the vectors of a range; two items per stream held, and a copy of each item per tuple.
/// See: with_latest_from, zip, merge.
inline constexpr combine_latest_fn combine_latest{};

} // namespace weir

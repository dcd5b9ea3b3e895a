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
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

/// The latest items of several streams, whenever one of them has a new item.
template <stream... S>
class [[nodiscard("add a sink and co_await it")]] combine_latest_stream
    : public detail::over_children<combine_latest_stream<S...>, std::tuple<item_t<S>...>,
                                   detail::children_tuple<std::index_sequence_for<S...>, S...>> {
    using children = detail::children_tuple<std::index_sequence_for<S...>, S...>;
    using base = detail::over_children<combine_latest_stream, std::tuple<item_t<S>...>, children>;
    friend base;
    static_assert((detail::keepable<item_t<S>> && ...),
                  "weir::combine_latest(streams...) keeps items, and these borrow their memory; put to_owned() before "
                  "it, or outlives(view) around what outlives it");

public:
    using value_type = std::tuple<item_t<S>...>;

    explicit combine_latest_stream(S... sources) : base(children(std::move(sources)...)) {}

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

    std::tuple<std::optional<item_t<S>>...> latest_;
    std::size_t missing_ = sizeof...(S);
};

/// The same for a range of streams, as vectors.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] combine_latest_range_stream
    : public detail::over_children<combine_latest_range_stream<S>, std::vector<item_t<S>>, detail::children_vector<S>> {
    using children = detail::children_vector<S>;
    using base = detail::over_children<combine_latest_range_stream, std::vector<item_t<S>>, children>;
    friend base;
    static_assert(
        detail::keepable<item_t<S>>,
        "weir::combine_latest(range) keeps items, and these borrow their memory; put to_owned() before it, or "
        "outlives(view) around what outlives it");

public:
    using value_type = std::vector<item_t<S>>;

    explicit combine_latest_range_stream(children sources)
        : base(numbered(std::move(sources))), latest_(this->size()), missing_{this->size()} {}

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

    std::vector<std::optional<item_t<S>>> latest_;
    std::size_t missing_;
};

struct combine_latest_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        if constexpr (sizeof...(Rest) == 0 && !stream<std::remove_cvref_t<First>> && std::ranges::input_range<First>) {
            using source = std::ranges::range_value_t<First>;
            if constexpr (!stream<source>) {
                static_assert(detail::always_false<First>,
                              "weir::combine_latest(range): the range's items are not streams");
                return detail::invalid_pipeline{};
            } else if constexpr (!detail::readable_range<First>) {
                static_assert(
                    detail::always_false<First>,
                    "weir::combine_latest(range): a stream is used once and cannot be copied out of the range: write "
                    "combine_latest(std::move(range))");
                return detail::invalid_pipeline{};
            } else if constexpr (!std::copy_constructible<item_t<source>>) {
                static_assert(detail::always_false<First>, "weir::combine_latest(range): an item goes into several "
                                                           "vectors, and cannot be copied");
                return detail::invalid_pipeline{};
            } else {
                return combine_latest_range_stream<source>(detail::children_from(std::forward<First>(front)));
            }
        } else if constexpr (!(stream<std::remove_cvref_t<First>> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>, "weir::combine_latest(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<First>, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::combine_latest(streams...): a stream is used once and cannot be copied: write "
                          "combine_latest(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::copy_constructible<item_t<std::remove_cvref_t<First>>> && ... &&
                               std::copy_constructible<item_t<std::remove_cvref_t<Rest>>>)) {
            static_assert(detail::always_false<First>, "weir::combine_latest(streams...): an item goes into several "
                                                       "tuples, and cannot be copied");
            return detail::invalid_pipeline{};
        } else {
            return combine_latest_stream<std::remove_cvref_t<First>, std::remove_cvref_t<Rest>...>{
                std::forward<First>(front), std::forward<Rest>(rest)...};
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
/// Cost: no allocation, but for the vectors of a range; two items per stream held, and a copy of each item per tuple.
/// See: with_latest_from, zip, merge.
inline constexpr combine_latest_fn combine_latest{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

/// Options of merge.
struct merge_options {
    /// Whether an error is delayed until the other streams have ended. The first error is then delivered.
    bool delay_error = false;
    /// Whether the end of one stream ends all.
    bool eager_complete = false;
};

/// The items of several streams as they arrive.
template <class T, class Children>
class [[nodiscard("add a sink and co_await it")]] merge_stream
    : public detail::over_children<merge_stream<T, Children>, T, Children> {
    using base = detail::over_children<merge_stream, T, Children>;
    friend base;

public:
    merge_stream(Children children, merge_options options)
        : base{std::move(children), options.delay_error}, eager_complete_{options.eager_complete} {}

private:
    static constexpr bool passes_all = true;
    bool ends_all(detail::child&) const noexcept { return eager_complete_; }

    bool eager_complete_;
};

struct merge_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        return (*this)(merge_options{}, std::forward<First>(front), std::forward<Rest>(rest)...);
    }
    template <class First, class... Rest>
    constexpr auto operator()(merge_options options, First&& front, Rest&&... rest) const {
        using first_t = std::remove_cvref_t<First>;
        if constexpr (!(std::is_constructible_v<first_t, First> && ... &&
                        std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::merge(streams...): a stream is used once and cannot be copied: write "
                          "merge(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else if constexpr (stream<first_t>) {
            return of_pack<first_t, std::remove_cvref_t<Rest>...>(options, std::forward<First>(front),
                                                                  std::forward<Rest>(rest)...);
        } else if constexpr (sizeof...(Rest) == 0 && std::ranges::input_range<first_t>) {
            return of_range(options, std::forward<First>(front));
        } else {
            static_assert(detail::always_false<First>, "weir::merge(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        }
    }

private:
    template <class First, class... Rest>
    static constexpr auto of_pack(merge_options options, First front, Rest... rest) {
        if constexpr (!(stream<Rest> && ...)) {
            static_assert(detail::always_false<First>, "weir::merge(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_same_v<item_t<First>, item_t<Rest>> && ...)) {
            static_assert(detail::always_false<First>,
                          "weir::merge(streams...): the streams differ in their type of item; map them to one");
            return detail::invalid_pipeline{};
        } else {
            using children = detail::children_of<First, Rest...>;
            return merge_stream<item_t<First>, children>(children(std::move(front), std::move(rest)...), options);
        }
    }

    template <class Range>
    static constexpr auto of_range(merge_options options, Range&& range) {
        using source = std::ranges::range_value_t<Range>;
        if constexpr (!stream<source>) {
            static_assert(detail::always_false<Range>, "weir::merge(range): the range is not one of streams");
            return detail::invalid_pipeline{};
        } else {
            return merge_stream<item_t<source>, detail::children_vector<source>>(
                detail::children_from(std::forward<Range>(range)), options);
        }
    }
};

/// merge(streams...), merge(range of streams): the items of all, as they arrive.
///
///     a            --1-----3--|
///     b            ----2------4--|
///     merge(a, b)  --1-2---3--4--|
///
/// All streams are polled at the same time, and each again when its item was taken, whether or not the consumer is
/// busy. At most one item of each is held. Streams that are ready take turns. The cost per item does not grow with the
/// number of streams.
///
/// Ends: when all have ended. merge({.eager_complete = true}, ...) ends with the first.
/// Errors: the first one, when the others have been destroyed; items that were ready before it come before it.
/// merge({.delay_error = true}, ...) delivers the error after the others have ended.
/// Cost: one allocation for a range; one item of each held.
/// See: concat, interleave, merge_sorted, race, zip, combine_latest, flat_map.
inline constexpr merge_fn merge{};

} // namespace weir

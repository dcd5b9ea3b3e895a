// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

namespace detail {

/// A function that returns a range for a T, whose elements can be put into a vector.
template <class View, class T>
concept transforms_chunk =
    std::invocable<const View&, T&> && std::ranges::input_range<std::invoke_result_t<const View&, T&>> &&
    std::constructible_from<std::ranges::range_value_t<std::invoke_result_t<const View&, T&>>,
                            std::ranges::range_reference_t<std::invoke_result_t<const View&, T&>>>;

} // namespace detail

/// The chunks of an upstream, each passed through a view adaptor.
template <stream S, class View>
class [[nodiscard("add a sink and co_await it")]] transform_chunks_stream
    : public detail::one_to_optional<transform_chunks_stream<S, View>, S, View> {
    using range = std::invoke_result_t<const View&, item_t<S>&>;

public:
    using value_type = std::vector<std::ranges::range_value_t<range>>;

    transform_chunks_stream(S upstream, View view)
        : transform_chunks_stream::one_to_optional(std::move(upstream)), view_(std::move(view)) {}

    std::optional<value_type> pass(item_t<S>&& items) {
        range&& elements = std::invoke(std::as_const(view_), items);
        std::optional<value_type> result(std::in_place);
        if constexpr (std::ranges::sized_range<range>) {
            result->reserve(static_cast<std::size_t>(std::ranges::size(elements)));
        }
        for (auto&& element : elements) result->emplace_back(std::forward<decltype(element)>(element));
        if (result->empty()) result.reset();
        return result;
    }

private:
    [[no_unique_address]] View view_;
};

struct transform_chunks_fn : detail::operator_fn<transform_chunks_fn> {
    template <class S, class View>
    using pipeline = transform_chunks_stream<S, View>;

    template <class T, class View>
    static consteval bool accepts() {
        constexpr bool ok = detail::transforms_chunk<View, T>;
        static_assert(ok, "weir::transform_chunks(view): an item is not a range that the view adaptor takes, or its "
                          "result is not a range whose elements can be copied; put chunk(n) before it");
        if constexpr (ok) {
            constexpr bool kept = detail::keepable<std::ranges::range_value_t<std::invoke_result_t<const View&, T&>>>;
            static_assert(kept, "weir::transform_chunks(view): keeps the elements, and these borrow their memory; let "
                                "the view copy them into what owns it");
            return kept;
        }
        return false;
    }
};

/// transform_chunks(view): each chunk of upstream, passed through a view adaptor of std::ranges or range-v3, or through
/// a function that takes a chunk and returns a range.
///
///     readings() | weir::chunk(256)
///                | weir::transform_chunks(ranges::views::filter(valid) | ranges::views::sliding(2) | ...)
///                | weir::flatten()
///
///     in                                    --(123)----(5)----(67)--|
///     transform_chunks(views::filter(even)) --(2)-------------(6)---|
///
/// The view sees one chunk at a time; windows and counts restart with each chunk. The elements of the view are the
/// items of a std::vector. A chunk whose view is empty is left out.
///
/// Ends: with upstream. Errors: upstream's, and what the view throws.
/// Dropped: a function of the view that drops the pipeline is still called for the rest of the chunk.
/// Cost: one allocation per chunk if the size of the view is known; no item held.
/// See: chunk, map, map_concat, as_range.
inline constexpr transform_chunks_fn transform_chunks{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// An rvalue container, from which items may be moved. A view is not one, nor is a type that behaves like a view
/// because its constness does not extend to its items.
template <class R>
concept owned_container =
    !std::is_reference_v<R> && !std::ranges::view<R> && std::ranges::range<R> && std::ranges::range<const R> &&
    std::is_lvalue_reference_v<std::ranges::range_reference_t<R>> &&
    !std::same_as<std::ranges::range_reference_t<R>, std::ranges::range_reference_t<const R>>;

/// A range whose elements can be items of a stream.
template <class R>
concept readable_range =
    std::ranges::input_range<R> && std::ranges::viewable_range<R> &&
    (owned_container<R>
         ? std::constructible_from<std::ranges::range_value_t<R>, std::ranges::range_rvalue_reference_t<R>>
         : std::constructible_from<std::ranges::range_value_t<R>, std::ranges::range_reference_t<R>>);

/// A function that returns a range, and no stream.
template <class F, class... Args>
concept gives_range = std::invocable<F, Args...> && std::ranges::input_range<std::invoke_result_t<F, Args...>> &&
                      !stream<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

/// Returns the elements of a range one at a time. An lvalue range is borrowed, an rvalue range is stored. No element is
/// computed before it is polled for. The object must not be moved after the first element.
template <readable_range R>
class range_items {
public:
    using value_type = std::ranges::range_value_t<R>;

    explicit range_items(R&& range) : range_{std::views::all(std::forward<R>(range))} {}

    /// Returns an item or `done`. Must not be called again after `done`.
    poll<value_type> next() {
        if (at_) [[likely]] {
            ++at_->item;
        } else {
            at_.emplace(std::ranges::begin(range_), std::ranges::end(range_));
        }
        if (at_->item == at_->end) return done;
        if constexpr (owned_container<R>) {
            return poll<value_type>{value_type(std::ranges::iter_move(at_->item))};
        } else {
            return poll<value_type>{value_type(*at_->item)};
        }
    }

    /// How many elements the object stores, which are those of an rvalue container.
    std::size_t stored() const {
        if constexpr (owned_container<R>) return static_cast<std::size_t>(std::ranges::distance(range_));
        return 0;
    }
    /// Describes the elements, which are streams, as far as the object stores them and none was taken.
    void outline_streams(stage_outline& out) const {
        if constexpr (owned_container<R>) {
            if (at_) return out.holds({.inner_streams = stored()});
            for (const auto& one : range_) out.upstream(one);
        } else {
            out.holds({.inner_streams = 1});
        }
    }

private:
    using range_t = std::views::all_t<R>;

    struct position {
        position(std::ranges::iterator_t<range_t> first, std::ranges::sentinel_t<range_t> last)
            : item(std::move(first)), end(std::move(last)) {}

        std::ranges::iterator_t<range_t> item;
        std::ranges::sentinel_t<range_t> end;
    };

    range_t range_;
    std::optional<position> at_; // empty before the first element, so that the range may still be moved
};

} // namespace weir::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/poll.hpp>

namespace weir::detail {

/// A container that was given away: items may be moved out of it. A view is none, nor is what looks like one because
/// it does not hand its constness down.
template <class R>
concept owned_container =
    !std::is_reference_v<R> && !std::ranges::view<R> && std::ranges::range<R> && std::ranges::range<const R> &&
    std::is_lvalue_reference_v<std::ranges::range_reference_t<R>> &&
    !std::same_as<std::ranges::range_reference_t<R>, std::ranges::range_reference_t<const R>>;

/// A range whose items can be objects of a stream.
template <class R>
concept readable_range =
    std::ranges::input_range<R> && std::ranges::viewable_range<R> &&
    (owned_container<R>
         ? std::constructible_from<std::ranges::range_value_t<R>, std::ranges::range_rvalue_reference_t<R>>
         : std::constructible_from<std::ranges::range_value_t<R>, std::ranges::range_reference_t<R>>);

/// The items of a range, one at a time: of an lvalue, which is borrowed, or of an rvalue, which is kept here. Nothing
/// is done ahead: an item is looked for when it is asked for. It stays where it is after the first.
template <readable_range R>
class range_items {
public:
    using value_type = std::ranges::range_value_t<R>;

    explicit range_items(R&& range) : range_{std::views::all(std::forward<R>(range))} {}

    /// An item or done; not to be called again after that.
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

private:
    using range_t = std::views::all_t<R>;

    struct position {
        position(std::ranges::iterator_t<range_t> first, std::ranges::sentinel_t<range_t> last)
            : item(std::move(first)), end(std::move(last)) {}

        std::ranges::iterator_t<range_t> item;
        std::ranges::sentinel_t<range_t> end;
    };

    range_t range_;
    std::optional<position> at_; // not before the first item: the range may still move
};

} // namespace weir::detail

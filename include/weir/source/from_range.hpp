// SPDX-License-Identifier: MIT
#pragma once

#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

/// The stream of a range's elements.
template <detail::readable_range R>
class [[nodiscard("add a sink and co_await it")]] from_range_stream {
public:
    using value_type = std::ranges::range_value_t<R>;

    explicit from_range_stream(R&& range) : items_(std::forward<R>(range)) {}

    poll<value_type> poll_next(context&) {
        checker_.check();
        return checker_.checked([this] { return items_.next(); });
    }

    void outline(stage_outline& out) const { out.holds(items_.stored()); }

private:
    detail::range_items<R> items_;
    detail::poll_checker checker_;
};

struct from_range_fn {
    template <class R>
    constexpr auto operator()(R&& range) const {
        if constexpr (!std::ranges::input_range<R>) {
            static_assert(detail::always_false<R>, "weir::from_range(range): range is not a range that can be read");
        } else if constexpr (!std::ranges::viewable_range<R>) {
            static_assert(detail::always_false<R>,
                          "weir::from_range(range): range can be neither borrowed nor moved; write just(1, 2, 3) for "
                          "items in braces");
        } else if constexpr (!detail::readable_range<R>) {
            static_assert(detail::always_false<R>,
                          "weir::from_range(range): the items of a range that is borrowed are copied, and these cannot "
                          "be; write from_range(std::move(range))");
        } else {
            return from_range_stream<R>{std::forward<R>(range)};
        }
    }
};

/// from_range(range): the elements of a range, in order. The range is advanced only when an item is polled for.
///
///     from_range(std::vector{1, 2, 3})  123|
///
/// Ends: at the end of the range. Errors: exceptions of its iterators.
/// Cost: no allocation.
/// Lifetime: an lvalue is borrowed, and its elements are copied. A container that is passed as an rvalue is kept, and
/// its elements are moved out. A view is kept; what it refers to must outlive the stream. A std::generator is such a
/// view.
/// See: just, iota.
inline constexpr from_range_fn from_range{};

} // namespace weir

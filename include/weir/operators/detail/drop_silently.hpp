// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>

#include <weir/core/detail/callable.hpp>

namespace weir::detail {

/// The `on_drop` of an operator whose user passed none.
struct drop_silently {
    template <class T>
    void operator()(T&&) const noexcept {}
};

/// A function that can be called with an item of each of these types, and returns no operation or stream, which nothing
/// would await.
template <class OnDrop, class... T>
concept drops_items = ((std::invocable<OnDrop&, T> && !returns_work<OnDrop&, T>) && ...);

} // namespace weir::detail

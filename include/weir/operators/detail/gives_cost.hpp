// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <type_traits>

namespace weir::detail {

/// A function that returns the cost or the weight of an item, as a whole number.
template <class Cost, class T>
concept gives_cost = std::invocable<Cost&, const T&> && std::integral<std::invoke_result_t<Cost&, const T&>>;

} // namespace weir::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <optional>
#include <type_traits>

namespace weir::detail {

template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;

/// A function that returns an optional item.
template <class F, class... Args>
concept gives_optional =
    std::invocable<F, Args...> && is_optional<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

/// The item type of a function that returns an optional item.
template <class F, class... Args>
using optional_item_t = typename std::remove_cvref_t<std::invoke_result_t<F, Args...>>::value_type;

} // namespace weir::detail

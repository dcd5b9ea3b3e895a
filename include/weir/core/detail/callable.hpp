// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>

#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// False, but dependent on a type: for static_assert in a branch that must not be instantiated.
template <class...>
inline constexpr bool always_false = false;

/// A function that returns an object, so that the result can be an item.
template <class F, class... Args>
concept gives_object =
    std::invocable<F, Args...> && std::is_object_v<std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

/// A function that returns a new value for an object of type T.
template <class T, class F, class... Args>
concept gives_assignable = std::invocable<F, Args...> && std::assignable_from<T&, std::invoke_result_t<F, Args...>>;

/// Whether a call of an F may drop the running operation through a handle that it holds. The caller must then check
/// context::stopping before it polls or calls anything else. A stateless function counts as one that does not: at worst
/// a chain of such functions continues to the end of its budget.
template <class F>
inline constexpr bool may_drop = !std::is_empty_v<F> && !std::is_pointer_v<F> && !std::is_member_pointer_v<F>;

/// The same question for the destructor of an item.
template <class T>
inline constexpr bool may_drop_at_end = !std::is_trivially_destructible_v<T>;

/// A function that returns a stream, or an operation.
template <class F, class... Args>
concept gives_stream = std::invocable<F, Args...> && stream<std::invoke_result_t<F, Args...>>;
template <class F, class... Args>
concept returns_operation = std::invocable<F, Args...> && operation<std::invoke_result_t<F, Args...>>;

/// A function that returns a stream or an operation. A caller that ignores results must reject it, because nothing
/// would run the returned object.
template <class F, class... Args>
concept returns_work = gives_stream<F, Args...> || returns_operation<F, Args...>;

} // namespace weir::detail

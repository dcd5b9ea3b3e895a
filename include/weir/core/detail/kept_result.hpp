// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <type_traits>

#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>

namespace weir::detail {

/// The type that stores an operation's result among others: `unit` in place of void.
template <class A>
using kept_t = std::conditional_t<std::is_void_v<await_result_t<A>>, unit, await_result_t<A>>;

/// The same, with references stored as objects.
template <class T>
using kept_object_t = std::conditional_t<std::is_reference_v<T>, std::reference_wrapper<std::remove_reference_t<T>>, T>;

} // namespace weir::detail

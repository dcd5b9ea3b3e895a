// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>

namespace weir::detail {

/// A type that std::unordered_set takes.
template <class T>
concept hashable = std::equality_comparable<T> && requires(const T& key) {
    { std::hash<T>{}(key) } -> std::convertible_to<std::size_t>;
};

/// The type of the keys that a function returns for items of type T.
template <class Key, class T>
using key_t = std::remove_cvref_t<std::invoke_result_t<Key&, const T&>>;

} // namespace weir::detail

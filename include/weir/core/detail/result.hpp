// SPDX-License-Identifier: MIT
#pragma once

#include <type_traits>

#include <weir/core/poll.hpp>

namespace weir::detail {

/// Stores a reference result, because results are objects.
template <class T>
class reference_result {
public:
    constexpr reference_result(T& object) noexcept : object_{&object} {}
    constexpr operator T&() const noexcept { return *object_; }

private:
    T* object_;
};

/// Converts a coroutine's return type to an object type, and back.
template <class T>
struct as_result : std::type_identity<T> {};
template <>
struct as_result<void> : std::type_identity<unit> {};
template <class T>
struct as_result<T&> : std::type_identity<reference_result<T>> {};

template <class R>
struct from_result : std::type_identity<R> {};
template <>
struct from_result<unit> : std::type_identity<void> {};
template <class T>
struct from_result<reference_result<T>> : std::type_identity<T&> {};

} // namespace weir::detail

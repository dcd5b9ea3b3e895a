// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <string_view>
#include <type_traits>

#include <weir/core/item_traits.hpp>

namespace weir {

namespace detail {

template <class T>
concept byte_like = std::same_as<T, char> || std::same_as<T, unsigned char> || std::same_as<T, std::byte>;

template <class R>
concept byte_range = std::ranges::contiguous_range<R> && std::ranges::sized_range<R> &&
                     byte_like<std::remove_cv_t<std::ranges::range_value_t<R>>>;

/// Not an array of char, which may be a literal with a terminating zero.
template <class R>
concept readable_bytes = byte_range<const R&> && !std::is_array_v<R>;

template <class R>
concept writable_bytes = byte_range<R> && !std::is_const_v<std::remove_reference_t<std::ranges::range_reference_t<R>>>;

} // namespace detail

/// Data to be written: any contiguous range of char, unsigned char or std::byte, or a string literal.
class byte_view {
public:
    template <detail::readable_bytes R>
    byte_view(const R& r) noexcept : data_{std::ranges::data(r)}, size_{std::ranges::size(r)} {}
    byte_view(const char* text) noexcept : byte_view{std::string_view{text}} {}

    const void* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    const void* data_;
    std::size_t size_;
};

/// A buffer to read into: any contiguous range of char, unsigned char or std::byte.
class byte_span {
public:
    template <detail::writable_bytes R>
        requires(!std::same_as<std::remove_cvref_t<R>, byte_span>)
    byte_span(R&& r) noexcept : data_{std::ranges::data(r)}, size_{std::ranges::size(r)} {}

    void* data() const noexcept { return data_; }
    std::size_t size() const noexcept { return size_; }

private:
    void* data_;
    std::size_t size_;
};

template <>
inline constexpr bool borrowed<byte_view> = true;
template <>
inline constexpr bool borrowed<byte_span> = true;

} // namespace weir

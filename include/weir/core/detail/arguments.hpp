// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <utility>

namespace weir::detail {

/// Converts a number of items that a user passed.
/// @param what  operator and argument, for the message
/// @throws std::invalid_argument when it is negative
template <std::integral N>
constexpr std::size_t checked_count(N n, const char* what) {
    if constexpr (std::signed_integral<N>) {
        if (n < 0) throw std::invalid_argument{what};
    }
    return static_cast<std::size_t>(n);
}

/// Converts a limit that a user passed.
/// @param what  operator and argument, for the message
/// @throws std::invalid_argument when it is less than 1
template <std::integral N>
constexpr std::size_t at_least_one(N n, const char* what) {
    if (std::cmp_less(n, 1)) throw std::invalid_argument{what};
    return static_cast<std::size_t>(n);
}

/// Passes on a text of the user's that the system reads up to its first NUL character.
/// @param what  function and argument, for the message
/// @throws std::invalid_argument when it contains a NUL character
inline std::string&& without_nul(std::string&& text, const char* what) {
    if (const std::size_t at = text.find('\0'); at != text.npos) {
        throw std::invalid_argument{what + (" contains a NUL character at position " + std::to_string(at)) + ": " +
                                    text.c_str()};
    }
    return std::move(text);
}

} // namespace weir::detail

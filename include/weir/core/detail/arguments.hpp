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

/// Passes on a duration that a user passed.
/// @param what  operator and argument, for the message
/// @throws std::invalid_argument when it is negative
template <class Duration>
constexpr Duration not_negative(Duration d, const char* what) {
    if (d < Duration::zero()) throw std::invalid_argument{what};
    return d;
}

/// @param what  function and argument, for the message
/// @throws std::invalid_argument for a text with a NUL character, which the system would read up to there
void refuse_nul(const std::string& text, const char* what);

/// Passes on a text that has no NUL character.
inline std::string&& without_nul(std::string&& text, const char* what) {
    refuse_nul(text, what);
    return std::move(text);
}

} // namespace weir::detail

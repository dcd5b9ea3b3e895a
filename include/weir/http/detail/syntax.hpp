// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string_view>

namespace weir::http::detail {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }

constexpr char to_lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr bool is_alphanumeric(char c) noexcept { return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z'); }

constexpr bool is_blank(char c) noexcept { return c == ' ' || c == '\t'; }

/// A control character other than the tab, which no line has.
constexpr bool is_control(char c) noexcept {
    const auto code = static_cast<unsigned char>(c);
    return (code < 0x20 && c != '\t') || code == 0x7f;
}

constexpr bool is_token_character(char c) noexcept {
    return is_alphanumeric(c) || (c != '\0' && std::string_view{"!#$%&'*+-.^_`|~"}.find(c) != std::string_view::npos);
}

/// The position of the first character that no token has; npos for a token.
constexpr std::size_t find_non_token(std::string_view text) noexcept {
    const auto found = std::find_if_not(text.begin(), text.end(), is_token_character);
    return found == text.end() ? std::string_view::npos : static_cast<std::size_t>(found - text.begin());
}
constexpr bool is_token(std::string_view text) noexcept {
    return !text.empty() && find_non_token(text) == std::string_view::npos;
}

constexpr std::size_t find_control(std::string_view text) noexcept {
    const auto found = std::find_if(text.begin(), text.end(), is_control);
    return found == text.end() ? std::string_view::npos : static_cast<std::size_t>(found - text.begin());
}

/// A target may consist of any visible ASCII characters but `#`, which begins the part that clients keep.
constexpr bool is_target(std::string_view text) noexcept {
    return !text.empty() &&
           std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < 0x7f && c != '#'; });
}

/// The host and port, and what is behind them, of a target that is a whole URL.
struct absolute_target {
    std::string_view authority;
    std::string_view rest;
};

constexpr std::optional<absolute_target> split_absolute(std::string_view target) noexcept {
    const std::size_t scheme = target.find("://");
    if (target.starts_with('/') || scheme == std::string_view::npos || target.find_first_of("/?") < scheme)
        return std::nullopt;
    target.remove_prefix(scheme + 3);
    const std::size_t end = std::min(target.find_first_of("/?"), target.size());
    return absolute_target{target.substr(0, end), target.substr(end)};
}

constexpr bool equal_without_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() &&
           std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return to_lower(x) == to_lower(y); });
}

constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
    return text;
}

/// Takes the first element off a comma-separated list.
constexpr std::string_view take_element(std::string_view& list) noexcept {
    const std::size_t comma = list.find(',');
    const std::string_view element = list.substr(0, comma);
    list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
    return trimmed(element);
}

/// Whether a comma-separated list has a token.
constexpr bool list_has_token(std::string_view list, std::string_view token) noexcept {
    while (!list.empty()) {
        if (equal_without_case(take_element(list), token)) return true;
    }
    return false;
}

/// Whether a header says how its message is framed or routed, so that it must not be a trailer.
constexpr bool must_be_header(std::string_view name) noexcept {
    return equal_without_case(name, "Content-Length") || equal_without_case(name, "Transfer-Encoding") ||
           equal_without_case(name, "Host") || equal_without_case(name, "Connection");
}

} // namespace weir::http::detail

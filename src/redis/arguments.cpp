// SPDX-License-Identifier: MIT
#include <weir/redis/detail/arguments.hpp>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::redis::detail {

namespace {

constexpr std::size_t digits = 20; // of the largest number
constexpr std::size_t short_text = 128;

/// Writes `prefix`, the number and a line end. Returns the end of what it wrote.
char* write_length(char* to, char prefix, std::size_t n) noexcept {
    *to++ = prefix;
    if (n < 10) {
        *to++ = static_cast<char>('0' + n);
    } else {
        to = std::to_chars(to, to + digits, n).ptr;
    }
    *to++ = '\r';
    *to++ = '\n';
    return to;
}

} // namespace

void append_length(std::string& to, char prefix, std::size_t n) {
    char line[digits + 3];
    to.append(line, static_cast<std::size_t>(write_length(line, prefix, n) - line));
}

void append_text(std::string& to, std::string_view text) {
    // Most arguments are short: they are put together first, and appended at once.
    char line[2 * digits + short_text];
    char* end = write_length(line, '$', text.size());
    if (text.size() <= short_text) {
        end = std::copy_n(text.data(), text.size(), end);
        *end++ = '\r';
        *end++ = '\n';
    }
    to.append(line, static_cast<std::size_t>(end - line));
    if (text.size() > short_text) to.append(text).append("\r\n", 2);
}

} // namespace weir::redis::detail

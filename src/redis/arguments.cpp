// SPDX-License-Identifier: MIT
#include <weir/redis/detail/arguments.hpp>

#include <charconv>
#include <cstddef>
#include <string>
#include <string_view>

namespace weir::redis::detail {

void append_length(std::string& to, char prefix, std::size_t n) {
    char line[24];
    line[0] = prefix;
    char* const end = std::to_chars(line + 1, line + sizeof line - 2, n).ptr;
    end[0] = '\r';
    end[1] = '\n';
    to.append(line, static_cast<std::size_t>(end + 2 - line));
}

void append_text(std::string& to, std::string_view text) {
    append_length(to, '$', text.size());
    to.append(text).append("\r\n", 2);
}

} // namespace weir::redis::detail

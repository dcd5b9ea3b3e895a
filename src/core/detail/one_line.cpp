// SPDX-License-Identifier: MIT
#include <weir/core/detail/one_line.hpp>

namespace weir::detail {

void append_in_one_line(std::string& to, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            to += "\\n";
        } else if (c == '\r') {
            to += "\\r";
        } else if (c == '\t') {
            to += "\\t";
        } else if (byte < 0x20 || byte == 0x7f) {
            to += "\\x";
            to += digits[byte / 16];
            to += digits[byte % 16];
        } else {
            to += c;
        }
    }
}

} // namespace weir::detail

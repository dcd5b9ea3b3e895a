// SPDX-License-Identifier: MIT
#include <weir/core/detail/locals.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace weir::detail {

namespace {

/// Control characters as "\n" or "\x1b": a value may come from a request, and must not forge lines of a dump.
void append_in_one_line(std::string& to, std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        if (c == '\n') {
            to += "\\n";
        } else if (byte < 0x20 || byte == 0x7f) {
            to += "\\x";
            to += digits[byte / 16];
            to += digits[byte % 16];
        } else {
            to += c;
        }
    }
}

} // namespace

locals_ref locals_ref::without(const void* key) const {
    std::vector<const local_value*> inner;
    const locals_ref* rest = this;
    while (*rest && rest->first()->key() != key) {
        inner.push_back(&rest->first()->value());
        rest = &rest->first()->outer();
    }
    if (!*rest) return *this;
    locals_ref list = rest->first()->outer();
    for (; !inner.empty(); inner.pop_back()) {
        const local_value& value = *inner.back();
        list = locals_ref{new local_link{value, list}};
        value.share();
    }
    return list;
}

std::string text_of(const locals_ref& locals) {
    std::string text;
    for (const local_link* one = locals.first(); one != nullptr; one = one->outer().first()) {
        if (!text.empty()) text += ", ";
        append_in_one_line(text, one->value().text());
    }
    return text;
}

} // namespace weir::detail

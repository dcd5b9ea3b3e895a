// SPDX-License-Identifier: MIT
#include <weir/http/event.hpp>

#include <algorithm>
#include <stdexcept>
#include <string_view>

namespace weir::http {

namespace {

constexpr std::string_view line_ends{"\r\n"};

void append_line(std::string& to, std::string_view name, std::string_view value) {
    to.append(name).append(": ").append(value).append("\n");
}

} // namespace

std::string to_text(const event& e) {
    if (e.type.find_first_of(line_ends) != std::string::npos)
        throw std::invalid_argument{"weir::http::event: the type has a line end"};
    if (e.id && e.id->find_first_of(std::string_view{"\r\n\0", 3}) != std::string::npos)
        throw std::invalid_argument{"weir::http::event: the id has a line end or a NUL"};
    if (e.retry_after && *e.retry_after < duration::zero())
        throw std::invalid_argument{"weir::http::event: retry_after is negative"};
    std::string text;
    if (!e.type.empty()) append_line(text, "event", e.type);
    if (e.id) append_line(text, "id", *e.id);
    if (e.retry_after) {
        const auto milliseconds = std::chrono::duration_cast<std::chrono::milliseconds>(*e.retry_after).count();
        append_line(text, "retry", std::to_string(milliseconds));
    }
    std::string_view rest = e.data;
    for (;;) {
        const std::size_t end = rest.find_first_of(line_ends);
        append_line(text, "data", rest.substr(0, end));
        if (end == std::string_view::npos) break;
        rest.remove_prefix(end + (rest.substr(end).starts_with("\r\n") ? 2 : 1));
    }
    text.append("\n");
    return text;
}

} // namespace weir::http

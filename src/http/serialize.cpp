// SPDX-License-Identifier: MIT
#include <weir/http/detail/serialize.hpp>

#include <array>
#include <charconv>
#include <stdexcept>
#include <string_view>

#include <weir/http/detail/syntax.hpp>

namespace weir::http::detail {

namespace {

constexpr std::string_view name_of(version v) noexcept { return v == version::http_1_0 ? "HTTP/1.0" : "HTTP/1.1"; }

void append_number(std::string& to, std::size_t number, int base) {
    std::array<char, 24> digits{};
    const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), number, base).ptr;
    to.append(digits.data(), static_cast<std::size_t>(end - digits.data()));
}

} // namespace

void append_head(std::string& to, const request_head& head) {
    if (!is_token(head.method)) throw std::invalid_argument{"weir::http: the method of a request is not a token"};
    if (!is_target(head.target)) {
        throw std::invalid_argument{
            "weir::http: the target of a request is empty, or has a space, a control character, "
            "a '#' or a character beyond ASCII"};
    }
    to.append(head.method).append(" ").append(head.target).append(" ").append(name_of(head.version)).append("\r\n");
    to.append(head.headers.text());
}

void append_head(std::string& to, const response_head& head) {
    if (head.status < 100 || head.status > 599) {
        std::string what{"weir::http: the status of a response is not between 100 and 599: "};
        throw std::invalid_argument{what.append(std::to_string(head.status))};
    }
    if (find_control(head.reason) != std::string_view::npos)
        throw std::invalid_argument{"weir::http: the reason of a response has a control character"};
    to.append(name_of(head.version)).append(" ");
    append_number(to, head.status, 10);
    to.append(" ").append(head.reason.empty() ? reason_phrase(head.status) : std::string_view{head.reason});
    to.append("\r\n").append(head.headers.text());
}

void append_end_of_head(std::string& to) { to.append("\r\n"); }

void append_content_length(std::string& to, std::size_t size) {
    to.append("Content-Length: ");
    append_number(to, size, 10);
    to.append("\r\n");
}

void append_chunk_size(std::string& to, std::size_t size) {
    append_number(to, size, 16);
    to.append("\r\n");
}

void append_last_chunk(std::string& to, const headers& trailers) {
    for (const auto [name, value] : trailers) {
        if (!must_be_header(name)) continue;
        std::string what{"weir::http: a trailer of a body must be a header: "};
        throw std::invalid_argument{what.append(name)};
    }
    to.append("0\r\n").append(trailers.text()).append("\r\n");
}

} // namespace weir::http::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <weir/http/detail/parser.hpp>
#include <weir/http/error.hpp>
#include <weir/http/message.hpp>

namespace support {

/// Messages that a parser has found, as text, and the error that ended them.
struct parsed {
    std::string text;
    std::optional<weir::http::fault> fault;
    std::optional<weir::http::message_part> too_large;
    std::string error;

    friend bool operator==(const parsed&, const parsed&) = default;
};

inline void append(std::string& text, const weir::http::headers& fields) {
    for (const auto [name, value] : fields) text.append(" ").append(name).append("=<").append(value).append(">");
}

/// Parses parts of a connection, one after the other, and its end.
/// @param methods  for responses: the method of the request that each one answers
inline parsed parse(weir::http::detail::message_kind kind, const std::vector<std::string_view>& parts,
                    const weir::http::head_limits& limits = {}, std::string_view method = "GET") {
    using weir::http::detail::parse_step;
    parsed result;
    std::string& text = result.text;
    weir::http::detail::parser p{kind, "peer", limits};
    p.set_request_method(method);
    bool in_body = false;
    const auto on_step = [&](parse_step step) {
        if (step == parse_step::head) {
            if (kind == weir::http::detail::message_kind::request) {
                text.append("[").append(p.request().method).append(" ").append(p.request().target);
                append(text, p.request().headers);
            } else {
                text.append("[").append(std::to_string(p.response().status)).append(" ").append(p.response().reason);
                append(text, p.response().headers);
            }
            text.append(p.has_body() ? "] body" : "] no body");
            text.append(p.keeps_alive() ? ", keeps alive" : ", closes");
            if (p.content_length()) text.append(", ").append(std::to_string(*p.content_length()));
        } else if (step == parse_step::body) {
            if (!in_body) text.append(": ");
            in_body = true;
            text.append(p.body().data(), p.body().size());
        } else if (step == parse_step::end) {
            in_body = false;
            append(text, p.trailers());
            text.append(" end\n");
        }
    };
    try {
        for (const std::string_view part : parts) {
            std::span<const char> input{part};
            for (;;) {
                const parse_step step = p.next(input);
                on_step(step);
                if (step == parse_step::more) break;
            }
            std::span<const char> nothing;
            on_step(p.next(nothing));
        }
        on_step(p.end_of_input());
    } catch (const weir::http::bad_message& e) {
        result.fault = e.reason();
        result.error = e.what();
    } catch (const weir::http::message_too_large& e) {
        result.too_large = e.part();
        result.error = e.what();
    }
    return result;
}

/// Parts of at most `size` bytes.
inline std::vector<std::string_view> split_every(std::string_view text, std::size_t size) {
    std::vector<std::string_view> parts;
    for (; !text.empty(); text.remove_prefix(std::min(size, text.size()))) parts.push_back(text.substr(0, size));
    return parts;
}

} // namespace support

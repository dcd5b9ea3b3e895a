// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <http_parser.h>

/// The parts of an http URL.
struct url {
    std::string host; ///< a name or an address; IPv6 without its brackets
    std::uint16_t port = 80;
    std::string target; ///< path and query, as in the request line

    /// Returns the value of the Host header.
    std::string authority() const {
        const std::string name = host.find(':') == std::string::npos ? host : '[' + host + ']';
        return port == 80 ? name : name + ':' + std::to_string(port);
    }
    std::string to_string() const { return "http://" + authority() + target; }
};

/// @throws std::invalid_argument naming the text and what is wrong with it
inline url parse_url(std::string_view text) {
    http_parser_url parts;
    http_parser_url_init(&parts);
    const auto has = [&](http_parser_url_fields field) { return (parts.field_set >> field & 1) != 0; };
    const auto part = [&](http_parser_url_fields field) {
        return has(field) ? text.substr(parts.field_data[field].off, parts.field_data[field].len) : std::string_view{};
    };
    const auto fail = [&](const char* what) {
        throw std::invalid_argument{std::string{what} + ": " + std::string{text}};
    };
    // The parser accepts control characters and blanks, which a request line must not contain.
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') fail("not a URL");
    }
    const bool parsed = http_parser_parse_url(text.data(), text.size(), 0, &parts) == 0;
    // The parser checks the port last: if it has found one, it has rejected the port.
    if (has(UF_PORT) && (!parsed || parts.port == 0)) fail("the port is not from 1 to 65535");
    if (!parsed || !has(UF_SCHEMA) || !has(UF_HOST)) fail("not an absolute URL");
    if (part(UF_SCHEMA) != "http") fail("only http is spoken here");

    url result;
    result.host = part(UF_HOST);
    if (has(UF_PORT)) result.port = parts.port;
    result.target = has(UF_PATH) ? part(UF_PATH) : "/";
    if (has(UF_QUERY)) result.target.append("?").append(part(UF_QUERY));
    return result;
}

/// Resolves a Location header relative to the URL of its page (RFC 3986, 5.2, without dot segments).
inline url follow(const url& from, std::string_view location) {
    if (location.find("://") < location.find_first_of("/?#")) return parse_url(location);
    if (location.starts_with("//")) return parse_url("http:" + std::string{location});
    std::string base = from.target.substr(0, from.target.find('?'));
    if (location.starts_with('/')) {
        base.clear();
    } else if (!location.starts_with('?')) {
        base.erase(base.rfind('/') + 1);
    }
    return parse_url("http://" + from.authority() + base + std::string{location});
}

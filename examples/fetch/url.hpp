// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstddef>
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

/// ASCII only, as in schemes and hosts, which compare without case.
inline std::string lower(std::string_view text) {
    std::string result{text};
    for (char& c : result)
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    return result;
}

/// Returns the scheme of a reference, in lower case; empty if it has none (RFC 3986, appendix B).
inline std::string scheme_of(std::string_view reference) {
    const std::size_t end = reference.find_first_of(":/?#");
    return end == reference.npos || reference[end] != ':' ? "" : lower(reference.substr(0, end));
}

/// @throws std::invalid_argument naming the text and what is wrong with it
inline url parse_url(std::string_view text) {
    const auto fail = [&](const char* what) {
        throw std::invalid_argument{std::string{what} + ": " + std::string{text}};
    };
    // The parser accepts control characters and blanks, which a request line must not contain.
    for (const char c : text) {
        if (static_cast<unsigned char>(c) <= ' ' || c == '\x7f') fail("not a URL");
    }
    const std::string scheme = scheme_of(text);
    if (scheme.empty()) fail("not an absolute URL");
    if (scheme != "http") fail("only http is spoken here");

    // An empty port is the default one; the parser rejects it.
    std::string whole{text};
    if (whole.compare(scheme.size(), 3, "://") != 0) fail("not an absolute URL");
    const std::size_t after = std::min(whole.size(), whole.find_first_of("/?#", scheme.size() + 3));
    if (whole[after - 1] == ':') whole.erase(after - 1, 1);

    http_parser_url parts;
    http_parser_url_init(&parts);
    const auto has = [&](http_parser_url_fields field) { return (parts.field_set >> field & 1) != 0; };
    const auto part = [&](http_parser_url_fields field) {
        return has(field) ? whole.substr(parts.field_data[field].off, parts.field_data[field].len) : std::string{};
    };
    const bool parsed = http_parser_parse_url(whole.data(), whole.size(), 0, &parts) == 0;
    // The parser checks the port last: if it has found one, it has rejected the port.
    if (has(UF_PORT) && (!parsed || parts.port == 0)) fail("the port is not from 1 to 65535");
    if (!parsed || !has(UF_HOST)) fail("not an absolute URL");
    if (has(UF_USERINFO)) fail("names and passwords in URLs are refused");

    url result;
    result.host = lower(part(UF_HOST));
    if (has(UF_PORT)) result.port = parts.port;
    result.target = has(UF_PATH) ? part(UF_PATH) : "/";
    if (has(UF_QUERY)) result.target.append("?").append(part(UF_QUERY));
    return result;
}

/// Removes `.` and `..` from an absolute path (RFC 3986, 5.2.4).
inline std::string without_dots(std::string_view path) {
    std::string result;
    while (!path.empty()) {
        const std::size_t end = std::min(path.size(), path.find('/', 1));
        const std::string_view segment = path.substr(0, end); // with its slash in front
        path.remove_prefix(end);
        if (segment != "/." && segment != "/..") {
            result.append(segment);
            continue;
        }
        if (segment == "/..") result.erase(std::min(result.size(), result.rfind('/')));
        if (path.empty()) result += '/';
    }
    return result;
}

/// Resolves a Location header relative to the URL of its page (RFC 3986, 5.2). The fragment is dropped.
/// @throws std::invalid_argument as parse_url
inline url follow(const url& from, std::string_view location) {
    if (!scheme_of(location).empty()) return parse_url(location);
    if (location.starts_with("//")) return parse_url("http:" + std::string{location});
    location = location.substr(0, location.find('#'));
    const std::string_view path = location.substr(0, location.find('?'));
    const std::string_view query = location.substr(path.size());
    std::string_view base = from.target;
    std::string target;
    if (path.empty()) {
        target = query.empty() ? base : base.substr(0, base.find('?'));
    } else if (path.starts_with('/')) {
        target = without_dots(path);
    } else {
        base = base.substr(0, base.find('?'));
        target = without_dots(std::string{base.substr(0, base.rfind('/') + 1)}.append(path));
    }
    return parse_url("http://" + from.authority() + target.append(query));
}

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace weir::http {

/// An absolute URL of `http` or `https` (RFC 3986).
///
///     const weir::http::url u{"https://Example.org/a/../b?c=d#e"};
///     u.to_string();            // "https://example.org/b?c=d#e"
///     u.authority();            // "example.org", the value of the Host header
///     u.target();               // "/b?c=d", for the request line
///     u.resolve("../f?g").target();   // "/f?g"
///
/// Scheme and host are kept in lower case, the default port is left out, the path is `/` at least, and its segments `.`
/// and `..` are resolved. Percent signs stay as they are. Two URLs are equal when their texts are, fragments included.
///
/// The host is a name in ASCII, an IPv4 address of four decimal numbers, or an IPv6 address in brackets, without a
/// zone. Names with other letters are refused: IDNA turns them into a form that starts with `xn--`, which is accepted.
/// A user or a password is refused, because URLs end up in logs.
///
/// Errors: std::invalid_argument, which names the byte and the reason, and does not show the URL, which may have a
/// secret.
class url {
public:
    explicit url(std::string_view text);

    /// `http` or `https`
    std::string_view scheme() const noexcept { return part(0, scheme_); }
    bool is_https() const noexcept { return scheme_ == 5; }
    /// A name or an address. An IPv6 address has no brackets here.
    std::string_view host() const noexcept;
    std::uint16_t port() const noexcept { return port_; }
    /// The host, with brackets around an IPv6 address, and the port, unless it is the default one.
    std::string_view authority() const noexcept { return part(scheme_ + 3, authority_end_); }
    /// The part before the path: `https://example.org:8080`
    std::string_view origin() const noexcept { return part(0, authority_end_); }
    std::string_view path() const noexcept { return part(authority_end_, path_end_); }
    /// The query, without its question mark. Empty if there is none.
    std::string_view query() const noexcept;
    /// The path and the query, with its question mark.
    std::string_view target() const noexcept { return part(authority_end_, target_end_); }
    /// The part behind `#`, which is not sent. Empty if there is none.
    std::string_view fragment() const noexcept;
    const std::string& to_string() const noexcept { return text_; }

    /// The URL that a reference in the document at this URL refers to, such as the value of a Location header.
    /// @throws std::invalid_argument as the constructor
    url resolve(std::string_view reference) const;
    url without_fragment() const;

    friend bool operator==(const url& a, const url& b) noexcept { return a.text_ == b.text_; }

private:
    url() noexcept = default;

    std::string_view part(std::size_t begin, std::size_t end) const noexcept {
        return std::string_view{text_}.substr(begin, end - begin);
    }

    static url resolved(const url* base, std::string_view reference);

    std::string text_;
    std::size_t scheme_ = 0; // the size of the scheme
    std::size_t host_end_ = 0;
    std::size_t authority_end_ = 0;
    std::size_t path_end_ = 0;
    std::size_t target_end_ = 0;
    std::uint16_t port_ = 0;
};

/// Text as a part of a URL, such as a segment of a path or a value in a query: all bytes but letters, digits and
/// `-._~` are written as `%` and two hexadecimal digits.
std::string percent_encode(std::string_view text);

/// Replaces each `%` and two hexadecimal digits by the byte that they stand for.
/// @throws std::invalid_argument for a `%` without two hexadecimal digits
std::string percent_decode(std::string_view text);

namespace detail {

/// Percent-encodes the bytes that a path or a query may not have, such as white space and letters beyond ASCII. Servers
/// send them in Location headers, and browsers accept them. Backslashes and control characters are left, and the class
/// url refuses them.
std::string encode_location(std::string_view reference);

} // namespace detail

} // namespace weir::http

template <>
struct std::hash<weir::http::url> {
    std::size_t operator()(const weir::http::url& u) const noexcept {
        return std::hash<std::string_view>{}(u.to_string());
    }
};

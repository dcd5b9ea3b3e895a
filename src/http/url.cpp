// SPDX-License-Identifier: MIT
#include <weir/http/url.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>

#include <weir/backend/endpoint.hpp>
#include <weir/http/detail/syntax.hpp>

namespace weir::http {

namespace {

using detail::is_alphanumeric;
using detail::is_digit;
using detail::to_lower;

constexpr std::size_t npos = std::string_view::npos;

/// The value of a hexadecimal digit, or -1.
int hexadecimal(char c) noexcept {
    if (is_digit(c)) return c - '0';
    const char lower = to_lower(c);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

void append_encoded(std::string& to, char c) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    const auto code = static_cast<unsigned char>(c);
    to.append(1, '%').append(1, digits[code >> 4]).append(1, digits[code & 0xf]);
}

constexpr bool is_one_of(char c, std::string_view set) noexcept { return set.find(c) != npos; }
constexpr bool is_unreserved(char c) noexcept { return is_alphanumeric(c) || is_one_of(c, "-._~"); }
/// The characters of a path, a query or a fragment, without those that are encoded.
constexpr bool is_plain(char c, bool slash_and_mark) noexcept {
    return is_unreserved(c) || is_one_of(c, "!$&'()*+,;=:@") || c == '/' || (slash_and_mark && c == '?');
}

/// A reference that is being parsed: it knows the place of each of its parts, for errors.
class reader {
public:
    explicit reader(std::string_view text) noexcept : text_{text} {}

    [[noreturn]] void fail(std::size_t at, std::string_view why) const {
        std::string what{"weir::http::url: byte "};
        throw std::invalid_argument{what.append(std::to_string(at)).append(": ").append(why)};
    }
    [[noreturn]] void fail(std::string_view at, std::string_view why) const { fail(place(at), why); }

    /// Checks a path, a query or a fragment.
    void check(std::string_view part, std::string_view name, bool slash_and_mark) const {
        for (std::size_t i = 0; i != part.size(); ++i) {
            const char c = part[i];
            if (c == '%') {
                if (i + 2 >= part.size() || hexadecimal(part[i + 1]) < 0 || hexadecimal(part[i + 2]) < 0)
                    fail(place(part) + i, "a % without two hexadecimal digits");
            } else if (!is_plain(c, slash_and_mark)) {
                std::string why{"a character that is not allowed in the "};
                why.append(name).append("; write it as ");
                append_encoded(why, c);
                fail(place(part) + i, why);
            }
        }
    }

private:
    std::size_t place(std::string_view part) const noexcept {
        return static_cast<std::size_t>(part.data() - text_.data());
    }

    std::string_view text_;
};

/// The parts of a reference (RFC 3986, appendix B).
struct parts {
    std::optional<std::string_view> scheme;
    std::optional<std::string_view> authority;
    std::string_view path;
    std::optional<std::string_view> query;
    std::optional<std::string_view> fragment;
};

parts split(std::string_view text) noexcept {
    parts p;
    if (const std::size_t mark = text.find('#'); mark != npos) {
        p.fragment = text.substr(mark + 1);
        text = text.substr(0, mark);
    }
    if (const std::size_t mark = text.find('?'); mark != npos) {
        p.query = text.substr(mark + 1);
        text = text.substr(0, mark);
    }
    if (const std::size_t end = text.find_first_of(":/"); end != npos && text[end] == ':') {
        p.scheme = text.substr(0, end);
        text.remove_prefix(end + 1);
    }
    if (text.starts_with("//")) {
        text.remove_prefix(2);
        const std::size_t end = std::min(text.find('/'), text.size());
        p.authority = text.substr(0, end);
        text.remove_prefix(end);
    }
    p.path = text;
    return p;
}

/// Checks a name or an IPv4 address. Libraries read `0x7f.1` or `2130706433` as an address, too, which a check of the
/// host by name would miss.
void check_host(const reader& in, std::string_view host) {
    for (std::size_t i = 0; i != host.size(); ++i) {
        const char c = host[i];
        if (is_alphanumeric(c) || is_one_of(c, "-._")) continue;
        const std::string_view at = host.substr(i);
        if (static_cast<unsigned char>(c) >= 0x80)
            in.fail(at,
                    "the host has a letter beyond ASCII; write the name in the form of IDNA, which starts with xn--");
        if (c == '%') in.fail(at, "the host has a %");
        in.fail(at, "a character that no host has");
    }
    std::string_view last = host;
    if (last.ends_with('.')) last.remove_suffix(1);
    last.remove_prefix(last.rfind('.') + 1); // npos + 1 is 0
    const bool is_number =
        !last.empty() && (std::all_of(last.begin(), last.end(), is_digit) ||
                          (last.size() >= 2 && last[0] == '0' && to_lower(last[1]) == 'x' &&
                           std::all_of(last.begin() + 2, last.end(), [](char c) { return hexadecimal(c) >= 0; })));
    if (!is_number) return;
    try {
        if (endpoint{host, 0}.address() == host) return;
    } catch (const std::invalid_argument&) {}
    in.fail(host, "the host ends with a number, and is not an IPv4 address of four decimal numbers");
}

/// The canonical text of an IPv6 address.
std::string ipv6(const reader& in, std::string_view address) {
    try {
        if (address.find(':') != npos && address.find('%') == npos) return endpoint{address, 0}.address();
    } catch (const std::invalid_argument&) {}
    in.fail(address, "the text in brackets is not an IPv6 address");
}

std::uint16_t port_of(const reader& in, std::string_view digits) {
    constexpr std::size_t most_digits = 5;
    unsigned long port = 0;
    const std::string_view significant = digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
    if (std::all_of(digits.begin(), digits.end(), is_digit) && significant.size() <= most_digits) {
        for (const char c : significant) port = 10 * port + static_cast<unsigned long>(c - '0');
    }
    if (port == 0 || port > 0xffff) in.fail(digits, "the port is not a number from 1 to 65535");
    return static_cast<std::uint16_t>(port);
}

/// Removes the segments `.` and `..` from an absolute path (RFC 3986, 5.2.4).
void append_without_dots(std::string& to, std::string_view path) {
    const std::size_t begin = to.size();
    while (!path.empty()) {
        const std::size_t end = std::min(path.size(), path.find('/', 1));
        const std::string_view segment = path.substr(0, end); // with its slash in front
        path.remove_prefix(end);
        if (segment != "/." && segment != "/..") {
            to.append(segment);
            continue;
        }
        if (segment == "/.." && to.size() != begin) to.erase(to.rfind('/'));
        if (path.empty()) to += '/';
    }
    if (to.size() == begin) to += '/';
}

} // namespace

url::url(std::string_view text) : url(resolved(nullptr, text)) {}

url url::resolve(std::string_view reference) const { return resolved(this, reference); }

/// Transforms a reference as RFC 3986, 5.2.2 has it.
url url::resolved(const url* base, std::string_view reference) {
    const reader in{reference};
    const parts p = split(reference);
    url result;
    std::string& text = result.text_;
    if (p.scheme) {
        for (const char c : *p.scheme) text += to_lower(c);
        if (text != "http" && text != "https") in.fail(*p.scheme, "the scheme is neither http nor https");
        if (!p.authority) in.fail(p.path, "there is no // behind the scheme");
    } else if (base == nullptr) {
        in.fail(0, "there is no scheme; a URL starts with http:// or https://");
    } else {
        text.append(base->scheme());
    }
    result.scheme_ = text.size();
    text.append("://");

    if (p.authority) {
        std::string_view host = *p.authority;
        if (const std::size_t at = host.find('@'); at != npos)
            in.fail(host.substr(at), "a user or a password is not accepted; use the header Authorization");
        std::string_view behind;
        if (host.starts_with('[')) {
            const std::size_t end = host.find(']');
            if (end == npos) in.fail(host, "a [ without a ]");
            behind = host.substr(end + 1);
            if (!behind.empty() && behind.front() != ':') in.fail(behind, "no port follows the ]");
            text.append("[").append(ipv6(in, host.substr(1, end - 1))).append("]");
        } else {
            const std::size_t end = std::min(host.find(':'), host.size());
            behind = host.substr(end);
            host = host.substr(0, end);
            if (host.empty()) in.fail(host, "the host is empty");
            check_host(in, host);
            for (const char c : host) text += to_lower(c);
        }
        result.host_end_ = text.size();
        const std::uint16_t usual = result.is_https() ? 443 : 80;
        result.port_ = behind.size() > 1 ? port_of(in, behind.substr(1)) : usual;
        if (result.port_ != usual) text.append(":").append(std::to_string(result.port_));
    } else {
        text.append(base->authority());
        result.host_end_ = base->host_end_;
        result.port_ = base->port_;
    }
    result.authority_end_ = text.size();

    in.check(p.path, "path", false);
    std::optional<std::string_view> query = p.query;
    if (query) in.check(*query, "query", true);
    if (p.path.empty() && !p.authority) {
        text.append(base->path());
        if (!query && base->target_end_ != base->path_end_) query = base->query();
    } else if (p.path.empty() || p.path.front() == '/') {
        append_without_dots(text, p.path);
    } else {
        std::string merged{base->path()};
        merged.resize(merged.rfind('/') + 1);
        append_without_dots(text, merged.append(p.path));
    }
    result.path_end_ = text.size();
    if (query) text.append("?").append(*query);
    result.target_end_ = text.size();
    if (p.fragment) {
        in.check(*p.fragment, "fragment", true);
        text.append("#").append(*p.fragment);
    }
    return result;
}

std::string_view url::host() const noexcept {
    const std::string_view host = part(scheme_ + 3, host_end_);
    return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

std::string_view url::query() const noexcept {
    return target_end_ == path_end_ ? std::string_view{} : part(path_end_ + 1, target_end_);
}

std::string_view url::fragment() const noexcept {
    return target_end_ == text_.size() ? std::string_view{} : part(target_end_ + 1, text_.size());
}

url url::without_fragment() const {
    url result{*this};
    result.text_.resize(target_end_);
    return result;
}

std::string percent_encode(std::string_view text) {
    std::string result;
    for (const char c : text) {
        if (is_unreserved(c)) {
            result += c;
        } else {
            append_encoded(result, c);
        }
    }
    return result;
}

std::string percent_decode(std::string_view text) {
    std::string result;
    for (std::size_t i = 0; i != text.size(); ++i) {
        if (text[i] != '%') {
            result += text[i];
            continue;
        }
        const int high = i + 2 < text.size() ? hexadecimal(text[i + 1]) : -1;
        const int low = i + 2 < text.size() ? hexadecimal(text[i + 2]) : -1;
        if (high < 0 || low < 0) {
            std::string what{"weir::http::percent_decode: byte "};
            throw std::invalid_argument{what.append(std::to_string(i)).append(": a % without two hexadecimal digits")};
        }
        result += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return result;
}

std::string detail::encode_location(std::string_view reference) {
    const auto begin = static_cast<std::size_t>(split(reference).path.data() - reference.data());
    std::string result{reference.substr(0, begin)};
    for (const char c : reference.substr(begin)) {
        if (static_cast<unsigned char>(c) >= 0x80 || is_one_of(c, " \"<>[]^`{|}")) {
            append_encoded(result, c);
        } else {
            result += c;
        }
    }
    return result;
}

} // namespace weir::http

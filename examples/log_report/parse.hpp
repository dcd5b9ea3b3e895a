// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

/// The entry in one line of an access log. The views refer to the line.
struct hit {
    std::string_view client;
    std::string_view path;
    std::uint64_t size;
    std::uint16_t status;
};

/// The longest accepted line. Servers write no longer ones: their buffers for request headers are 8 to 32 KiB.
inline constexpr std::size_t longest_line = 64 * 1024;

/// Reads a line from left to right. Each step returns false when the line does not continue as expected.
class line_parser {
public:
    explicit line_parser(std::string_view line) noexcept : at_{line.data()}, end_{line.data() + line.size()} {}

    bool at_end() const noexcept { return at_ == end_; }
    bool is_next(std::string_view text) const noexcept {
        return std::string_view{at_, static_cast<std::size_t>(end_ - at_)}.starts_with(text);
    }
    bool skip(char c) noexcept {
        if (at_end() || *at_ != c) return false;
        ++at_;
        return true;
    }

    /// Reads at least one character up to the next c, and skips the c.
    bool until(char c, std::string_view& text) noexcept {
        const char* found = find(at_, c);
        if (found == nullptr || found == at_) return false;
        text = {at_, found};
        at_ = found + 1;
        return true;
    }

    /// Reads up to the closing quote. A backslash escapes the next character.
    bool until_quote(std::string_view& text) noexcept {
        for (const char* quote = find(at_, '"'); quote != nullptr; quote = find(quote + 1, '"')) {
            const char* backslashes = quote;
            while (backslashes != at_ && backslashes[-1] == '\\') --backslashes;
            if ((quote - backslashes) % 2 == 0) {
                text = {at_, quote};
                at_ = quote + 1;
                return true;
            }
        }
        return false;
    }

    /// Reads a number of `least` to `most` digits.
    template <class T>
    bool number(std::ptrdiff_t least, std::ptrdiff_t most, T& value) noexcept {
        value = 0;
        const char* begin = at_;
        for (; !at_end() && *at_ >= '0' && *at_ <= '9'; ++at_) {
            if (at_ - begin == most) return false;
            value = static_cast<T>(value * 10 + static_cast<T>(*at_ - '0'));
        }
        return at_ - begin >= least;
    }

private:
    const char* find(const char* from, char c) const noexcept {
        if (from == end_) return nullptr;
        return static_cast<const char*>(std::memchr(from, c, static_cast<std::size_t>(end_ - from)));
    }

    const char* at_;
    const char* end_;
};

/// Returns the path of a request: the second word of `GET /index.html?page=2 HTTP/1.1`, without the query. A client may
/// send anything; if it is a single word, the path is that word.
inline std::string_view path_of(std::string_view request) noexcept {
    if (const std::size_t blank = request.find(' '); blank != request.npos) {
        request.remove_prefix(blank + 1);
        request = request.substr(0, request.find(' '));
    }
    return request.substr(0, request.find('?'));
}

/// Whether a word is `name:port`. IPv6 addresses have more colons.
inline bool has_port(std::string_view word) noexcept {
    const std::size_t colon = word.find(':');
    return colon != 0 && colon != word.npos && colon + 1 != word.size() &&
           word.find_first_not_of("0123456789", colon + 1) == word.npos;
}

/// Reads the client. Debian's vhost_combined has `server:port` before it. Of the addresses of an X-Forwarded-For
/// header, `client, proxy, proxy`, the first is the client's.
inline bool take_client(line_parser& in, std::string_view& client) noexcept {
    if (!in.until(' ', client)) return false;
    // A client with a port is followed by the ident, which is always `-` today.
    if (has_port(client) && !in.is_next("- ") && !in.until(' ', client)) return false;
    std::string_view last = client;
    while (last.ends_with(',')) {
        if (!in.until(' ', last)) return false;
    }
    if (client.ends_with(',')) client.remove_suffix(1);
    return !client.empty();
}

/// Parses an entry in Common or Combined Log Format. Returns nullopt for any other line.
///
///     client ident user [date] "request" status size
///     client ident user [date] "request" status size "referer" "agent"
///     server:port client ident user [date] ...
///     client, proxy, proxy ident user [date] ...
///
/// Further fields may follow the agent after a blank, because servers are often configured to add some. The size is `-`
/// or has up to 15 digits. Carriage returns at the end of the line and a byte order mark at its beginning are ignored.
inline std::optional<hit> parse(std::string_view line) noexcept {
    while (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > longest_line) return std::nullopt;
    constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
    if (line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());

    hit h;
    std::string_view ident, user, date, request, referer, agent;
    line_parser in{line};
    // The name of the user may contain blanks.
    if (!take_client(in, h.client) || !in.until(' ', ident) || !in.until('[', user) || user.size() < 2 ||
        !user.ends_with(' ') || !in.until('"', date) || date.size() < 3 || !date.ends_with("] ") ||
        !in.until_quote(request)) {
        return std::nullopt;
    }
    if (!in.skip(' ') || !in.number(3, 3, h.status) || !in.skip(' ')) return std::nullopt;
    if (in.skip('-')) {
        h.size = 0;
    } else if (!in.number(1, 15, h.size)) {
        return std::nullopt;
    }
    if (!in.at_end() && !(in.skip(' ') && in.skip('"') && in.until_quote(referer) && in.skip(' ') && in.skip('"') &&
                          in.until_quote(agent) && (in.at_end() || in.skip(' ')))) {
        return std::nullopt;
    }
    h.path = path_of(request);
    return h;
}

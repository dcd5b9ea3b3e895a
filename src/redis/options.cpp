// SPDX-License-Identifier: MIT
#include <weir/redis/options.hpp>

#include <charconv>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace weir::redis {

namespace {

[[noreturn]] void refuse(const char* why) {
    throw std::invalid_argument{std::string{"weir::redis: URL: "}.append(why)};
}

template <class Int>
std::optional<Int> number(std::string_view text) noexcept {
    Int n{};
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (failure != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return n;
}

int hexadecimal(char c) noexcept {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

std::string decoded(std::string_view part, const char* failure) {
    std::string all;
    for (std::size_t i = 0; i != part.size(); ++i) {
        if (part[i] != '%') {
            all += part[i];
            continue;
        }
        const int high = i + 2 < part.size() ? hexadecimal(part[i + 1]) : -1;
        const int low = i + 2 < part.size() ? hexadecimal(part[i + 2]) : -1;
        if (high < 0 || low < 0) refuse(failure);
        all += static_cast<char>(high * 16 + low);
        i += 2;
    }
    return all;
}

/// Removes `user:password@` from the front of a part.
void take_credentials(std::string_view& authority, options& o) {
    const std::size_t at = authority.rfind('@');
    if (at == std::string_view::npos) return;
    const std::string_view credentials = authority.substr(0, at);
    authority.remove_prefix(at + 1);
    const std::size_t colon = credentials.find(':');
    o.user = decoded(credentials.substr(0, colon), "the user has a % without two hexadecimal digits");
    if (colon != std::string_view::npos) {
        o.password = decoded(credentials.substr(colon + 1), "the password has a % without two hexadecimal digits");
    }
    if (o.password.empty() && !o.user.empty()) refuse("there is a user and no password");
}

void take_host_and_port(std::string_view authority, options& o) {
    std::string_view host = authority;
    std::string_view rest;
    if (host.starts_with('[')) {
        const std::size_t end = host.find(']');
        if (end == std::string_view::npos) refuse("the address has a [ without a ]");
        rest = host.substr(end + 1);
        host = host.substr(1, end - 1);
        if (!rest.empty() && !rest.starts_with(':')) refuse("there is something other than a port behind the ]");
    } else if (const std::size_t colon = host.find(':'); colon != std::string_view::npos) {
        rest = host.substr(colon);
        host = host.substr(0, colon);
    }
    if (!host.empty()) o.host = host;
    if (rest.empty()) return;
    const auto port = number<std::uint16_t>(rest.substr(1));
    if (!port || *port == 0) refuse("the port is not a number from 1 to 65535");
    o.port = *port;
}

void take_database(std::string_view text, options& o) {
    const auto database = number<int>(text);
    if (!database || *database < 0) refuse("the database is not a number from 0 on");
    o.database = *database;
}

} // namespace

options options::from_url(std::string_view url) {
    options o;
    const auto scheme_is = [&url](std::string_view scheme) {
        if (!url.starts_with(scheme)) return false;
        url.remove_prefix(scheme.size());
        return true;
    };
    if (url.find('\0') != std::string_view::npos) refuse("there is a zero character");
    if (scheme_is("unix:")) {
        std::string_view query;
        if (const std::size_t mark = url.find('?'); mark != std::string_view::npos) {
            query = url.substr(mark + 1);
            url = url.substr(0, mark);
        }
        if (url.starts_with("//")) {
            url.remove_prefix(2);
            take_credentials(url, o);
        }
        if (!url.starts_with('/')) refuse("the path of a Unix socket does not begin with /");
        o.unix_path = decoded(url, "the path has a % without two hexadecimal digits");
        if (query.starts_with("db=")) {
            take_database(query.substr(3), o);
        } else if (!query.empty()) {
            refuse("there is something other than db= behind the ?");
        }
        return o;
    }
    o.tls = scheme_is("rediss://");
    if (!o.tls && !scheme_is("redis://")) refuse("it does not begin with redis://, rediss:// or unix:");
    if (url.find_first_of("?#") != std::string_view::npos) {
        refuse("there is a ? or a #; in a user or a password, write %3F or %23");
    }
    // A password is free to have a slash only as %2F: the first one ends the host.
    const std::size_t slash = url.find('/');
    std::string_view authority = url.substr(0, slash);
    if (slash != std::string_view::npos) {
        const std::string_view path = url.substr(slash + 1);
        if (path.find('@') != std::string_view::npos) refuse("there is a / in the user or the password; write %2F");
        if (!path.empty()) take_database(path, o);
    }
    take_credentials(authority, o);
    take_host_and_port(authority, o);
    return o;
}

void detail::check(const options& o) {
    const auto refuse_option = [](const char* why) { throw std::invalid_argument{why}; };
    if (o.database < 0) refuse_option("weir::redis: options.database is negative");
    if (o.password.empty() && !o.user.empty()) refuse_option("weir::redis: options.user is set without a password");
    if (o.connect_timeout <= duration::zero()) refuse_option("weir::redis: options.connect_timeout is not positive");
    if (o.reply_timeout <= duration::zero()) refuse_option("weir::redis: options.reply_timeout is not positive");
    if (o.max_in_flight == 0) refuse_option("weir::redis: options.max_in_flight is 0");
    if (o.max_reply_size == 0) refuse_option("weir::redis: options.max_reply_size is 0");
    if (o.reconnect.attempt_timeout != duration::max() || o.reconnect.total_timeout != duration::max()) {
        refuse_option("weir::redis: options.reconnect has a timeout; an attempt has options.connect_timeout");
    }
    static_cast<void>(weir::detail::backoff{o.reconnect});
}

} // namespace weir::redis

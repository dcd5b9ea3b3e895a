// SPDX-License-Identifier: MIT
#include <weir/http/message.hpp>

#include <algorithm>
#include <limits>
#include <stdexcept>
#include <utility>

#include <weir/http/detail/syntax.hpp>

namespace weir::http {

namespace {

constexpr std::size_t npos = std::string_view::npos;

} // namespace

headers::headers(std::initializer_list<field> fields) {
    for (const field& f : fields) add(f.name, f.value);
}

headers& headers::add(std::string_view name, std::string_view value) {
    if (!detail::is_token(name)) {
        std::string what{"weir::http::headers: "};
        if (name.empty()) {
            what.append("a name is empty");
        } else {
            what.append("a name has a character that is not allowed at byte ");
            what.append(std::to_string(detail::find_non_token(name)));
        }
        throw std::invalid_argument{what};
    }
    value = detail::trimmed(value);
    if (const std::size_t at = detail::find_control(value); at != npos) {
        std::string what{"weir::http::headers: the value of "};
        what.append(name).append(" has a control character at byte ").append(std::to_string(at));
        throw std::invalid_argument{what};
    }
    append(name, value);
    return *this;
}

headers& headers::set(std::string_view name, std::string_view value) {
    // The views may be parts of this object, which changes below.
    const std::string kept_name{name};
    const std::string kept_value{value};
    add(kept_name, kept_value);
    const place added = places_.back();
    places_.pop_back();
    const std::string line = text_.substr(added.line);
    text_.resize(added.line);
    erase(kept_name);
    places_.push_back({static_cast<std::uint32_t>(text_.size()), added.name_size, added.value_size});
    text_.append(line);
    return *this;
}

std::size_t headers::erase(std::string_view name) {
    if (!contains(name)) return 0;
    headers kept;
    kept.text_.reserve(text_.size());
    kept.places_.reserve(places_.size());
    for (const auto [other, value] : *this) {
        if (!detail::equal_without_case(other, name)) kept.append(other, value);
    }
    const std::size_t erased = size() - kept.size();
    *this = std::move(kept);
    return erased;
}

void headers::clear() noexcept {
    text_.clear();
    places_.clear();
}

std::optional<std::string_view> headers::get(std::string_view name) const noexcept {
    for (const place& p : places_) {
        if (p.name_size != name.size()) continue;
        const auto [other, value] = at(p);
        if (detail::equal_without_case(other, name)) return value;
    }
    return std::nullopt;
}

std::size_t headers::count(std::string_view name) const noexcept {
    return static_cast<std::size_t>(
        std::count_if(begin(), end(), [name](const field& f) { return detail::equal_without_case(f.name, name); }));
}

bool headers::has_token(std::string_view name, std::string_view token) const noexcept {
    return std::any_of(begin(), end(), [&](const field& f) {
        return detail::equal_without_case(f.name, name) && detail::list_has_token(f.value, token);
    });
}

headers::field headers::at(const place& p) const noexcept {
    const std::string_view line = std::string_view{text_}.substr(p.line);
    return {line.substr(0, p.name_size), line.substr(p.name_size + 2, p.value_size)};
}

void headers::append(std::string_view name, std::string_view value) {
    constexpr std::size_t most = std::numeric_limits<std::uint32_t>::max();
    if (name.size() + value.size() > most - 4 || text_.size() > most - 4 - name.size() - value.size())
        throw std::length_error{"weir::http::headers: the headers have more than 4 GiB"};
    const place added{static_cast<std::uint32_t>(text_.size()), static_cast<std::uint32_t>(name.size()),
                      static_cast<std::uint32_t>(value.size())};
    // Reserved first, so that an error leaves the object unchanged.
    if (places_.size() == places_.capacity()) places_.reserve(std::max<std::size_t>(2 * places_.size(), 16));
    const std::size_t size = text_.size() + name.size() + value.size() + 4;
    const auto append_line = [&](std::string& to) { to.append(name).append(": ").append(value).append("\r\n"); };
    if (size > text_.capacity()) {
        std::string grown; // the old text is kept until then: the views may be parts of it
        grown.reserve(std::max<std::size_t>({2 * text_.capacity(), size, 512}));
        grown.append(text_);
        append_line(grown);
        text_ = std::move(grown);
    } else {
        append_line(text_);
    }
    places_.push_back(added);
}

std::string_view request_head::path() const noexcept {
    std::string_view rest = target;
    if (const auto absolute = detail::split_absolute(rest)) rest = absolute->rest;
    rest = rest.substr(0, rest.find('?'));
    return rest.empty() ? "/" : rest;
}

std::string_view request_head::query() const noexcept {
    const std::string_view all = target;
    const std::size_t mark = all.find('?');
    return mark == npos ? std::string_view{} : all.substr(mark + 1);
}

std::string_view request_head::host() const noexcept {
    if (const auto absolute = detail::split_absolute(target)) return absolute->authority;
    return headers.get("Host").value_or("");
}

std::string_view reason_phrase(unsigned status) noexcept {
    switch (status) {
    case 100:
        return "Continue";
    case 101:
        return "Switching Protocols";
    case 102:
        return "Processing";
    case 103:
        return "Early Hints";
    case 200:
        return "OK";
    case 201:
        return "Created";
    case 202:
        return "Accepted";
    case 203:
        return "Non-Authoritative Information";
    case 204:
        return "No Content";
    case 205:
        return "Reset Content";
    case 206:
        return "Partial Content";
    case 207:
        return "Multi-Status";
    case 208:
        return "Already Reported";
    case 226:
        return "IM Used";
    case 300:
        return "Multiple Choices";
    case 301:
        return "Moved Permanently";
    case 302:
        return "Found";
    case 303:
        return "See Other";
    case 304:
        return "Not Modified";
    case 305:
        return "Use Proxy";
    case 307:
        return "Temporary Redirect";
    case 308:
        return "Permanent Redirect";
    case 400:
        return "Bad Request";
    case 401:
        return "Unauthorized";
    case 402:
        return "Payment Required";
    case 403:
        return "Forbidden";
    case 404:
        return "Not Found";
    case 405:
        return "Method Not Allowed";
    case 406:
        return "Not Acceptable";
    case 407:
        return "Proxy Authentication Required";
    case 408:
        return "Request Timeout";
    case 409:
        return "Conflict";
    case 410:
        return "Gone";
    case 411:
        return "Length Required";
    case 412:
        return "Precondition Failed";
    case 413:
        return "Content Too Large";
    case 414:
        return "URI Too Long";
    case 415:
        return "Unsupported Media Type";
    case 416:
        return "Range Not Satisfiable";
    case 417:
        return "Expectation Failed";
    case 421:
        return "Misdirected Request";
    case 422:
        return "Unprocessable Content";
    case 423:
        return "Locked";
    case 424:
        return "Failed Dependency";
    case 425:
        return "Too Early";
    case 426:
        return "Upgrade Required";
    case 428:
        return "Precondition Required";
    case 429:
        return "Too Many Requests";
    case 431:
        return "Request Header Fields Too Large";
    case 451:
        return "Unavailable For Legal Reasons";
    case 500:
        return "Internal Server Error";
    case 501:
        return "Not Implemented";
    case 502:
        return "Bad Gateway";
    case 503:
        return "Service Unavailable";
    case 504:
        return "Gateway Timeout";
    case 505:
        return "HTTP Version Not Supported";
    case 506:
        return "Variant Also Negotiates";
    case 507:
        return "Insufficient Storage";
    case 508:
        return "Loop Detected";
    case 511:
        return "Network Authentication Required";
    default:
        return {};
    }
}

} // namespace weir::http

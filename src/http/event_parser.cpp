// SPDX-License-Identifier: MIT
#include <weir/http/detail/event_parser.hpp>

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <limits>
#include <system_error>

#include <weir/http/detail/syntax.hpp>
#include <weir/http/error.hpp>

namespace weir::http::detail {

namespace {

constexpr std::string_view byte_order_mark{"\xEF\xBB\xBF"};

/// A time in milliseconds, if the text consists of digits. One that does not fit is the longest.
std::optional<duration> retry_time(std::string_view text) noexcept {
    if (text.empty() || !std::all_of(text.begin(), text.end(), is_digit)) return std::nullopt;
    using milliseconds = std::chrono::milliseconds;
    constexpr auto most = std::chrono::duration_cast<milliseconds>(duration::max()).count();
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    if (parsed.ec != std::errc{} || value > most) return duration::max();
    return milliseconds{value};
}

} // namespace

bool event_parser::next(std::span<const char>& input) {
    while (!input.empty()) {
        std::string_view rest{input.data(), input.size()};
        if (std::exchange(after_cr_, false) && rest.front() == '\n') {
            input = input.subspan(1);
            continue;
        }
        const std::size_t end = rest.find_first_of("\r\n");
        check_line(line_.size() + (end == std::string_view::npos ? rest.size() : end));
        if (end == std::string_view::npos) {
            line_.append(rest);
            input = {};
            return false;
        }
        after_cr_ = rest[end] == '\r';
        input = input.subspan(end + 1);
        std::string_view line = rest.substr(0, end);
        if (!line_.empty()) line = line_.append(line);
        const bool found = on_line(line);
        line_.clear();
        if (found) return true;
    }
    return false;
}

event event_parser::take() {
    event_.id = last_id_;
    has_data_ = false;
    return std::exchange(event_, {});
}

bool event_parser::on_line(std::string_view line) {
    if (std::exchange(first_, false) && line.starts_with(byte_order_mark)) line.remove_prefix(byte_order_mark.size());
    if (line.empty()) {
        last_id_ = next_id_;
        if (has_data_) return true;
        event_ = {};
        return false;
    }
    const std::size_t colon = line.find(':');
    if (colon == 0) return false; // a comment
    std::string_view value = colon == std::string_view::npos ? std::string_view{} : line.substr(colon + 1);
    if (value.starts_with(' ')) value.remove_prefix(1);
    on_field(line.substr(0, colon), value);
    return false;
}

void event_parser::on_field(std::string_view name, std::string_view value) {
    if (name == "data") {
        if (std::exchange(has_data_, true)) event_.data.append("\n");
        event_.data.append(value);
        check_event();
    } else if (name == "event") {
        event_.type = value;
        check_event();
    } else if (name == "id") {
        if (value.find('\0') == std::string_view::npos) next_id_ = value;
    } else if (name == "retry") {
        if (const auto time = retry_time(value)) retry_after_ = event_.retry_after = time;
    }
}

void event_parser::check_line(std::size_t size) const {
    if (size <= limits_.line) return;
    std::string what{"weir::http: read from "};
    what.append(name_).append(": a line of an event has more than ").append(std::to_string(limits_.line));
    throw message_too_large{what.append(" bytes"), message_part::event_line};
}

void event_parser::check_event() const {
    if (event_.data.size() + event_.type.size() <= limits_.event) return;
    std::string what{"weir::http: read from "};
    what.append(name_).append(": an event has more than ").append(std::to_string(limits_.event));
    throw message_too_large{what.append(" bytes"), message_part::event};
}

} // namespace weir::http::detail

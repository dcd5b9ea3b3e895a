// SPDX-License-Identifier: MIT
#include <weir/redis/value.hpp>

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <locale>
#include <sstream>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

namespace weir::redis::detail {

namespace {

/// What the value is, for a message. Texts are data, and are not shown.
std::string description(const value& v) {
    switch (v.type()) {
    case value::kind::nil:
        return "nil";
    case value::kind::status:
        return "a status";
    case value::kind::error:
        return "an error";
    case value::kind::integer:
        return "the integer " + std::to_string(v.integer());
    case value::kind::string:
        return "a string of " + std::to_string(v.text().size()) + " bytes";
    case value::kind::array:
        break;
    }
    return "an array of " + std::to_string(v.items().size()) + " values";
}

/// `weir::redis: MGET: value 1 of the reply`
std::string name(const location& at, bool with_command = true) {
    std::string all;
    if (with_command) {
        all += "weir::redis: ";
        if (!at.command.empty()) all.append(at.command).append(": ");
    }
    if (at.parent == nullptr) return all += "the reply";
    all.append("value ").append(std::to_string(at.index)).append(" of ");
    return all += name(*at.parent, false);
}

bool is_text(const value& v) noexcept { return v.type() == value::kind::string || v.type() == value::kind::status; }

} // namespace

void throw_unexpected(const value& v, const location& at, std::string_view expected) {
    if (v.is_error()) throw error{at.command, v.text()};
    throw type_error{name(at).append(" is ").append(description(v)).append(", not ").append(expected)};
}

void throw_out_of_range(const value& v, const location& at) {
    std::string number = v.type() == value::kind::integer ? std::to_string(v.integer()) : v.text();
    throw type_error{name(at).append(" is ").append(number).append(", which the requested integer type cannot hold")};
}

std::string take_text(value& v, const location& at) {
    if (!is_text(v)) throw_unexpected(v, at, "a string");
    return std::move(v).text();
}

std::int64_t to_integer(const value& v, const location& at) {
    if (v.type() == value::kind::integer) return v.integer();
    if (!is_text(v)) throw_unexpected(v, at, "an integer");
    const std::string& text = v.text();
    std::int64_t n = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), n);
    if (end != text.data() + text.size() || failure == std::errc::invalid_argument)
        throw_unexpected(v, at, "an integer");
    if (failure == std::errc::result_out_of_range) throw_out_of_range(v, at);
    return n;
}

double to_double(const value& v, const location& at) {
    if (v.type() == value::kind::integer) return static_cast<double>(v.integer());
    if (!is_text(v)) throw_unexpected(v, at, "a number");
    const std::string& text = v.text();
    if (text == "inf" || text == "+inf") return std::numeric_limits<double>::infinity();
    if (text == "-inf") return -std::numeric_limits<double>::infinity();
    if (text == "nan" || text == "-nan") return std::numeric_limits<double>::quiet_NaN();
    // libc++ 19 has no std::from_chars for double, and strtod depends on the locale of the program.
    std::istringstream in{text};
    in.imbue(std::locale::classic());
    double d = 0;
    in >> std::noskipws >> d;
    if (in.fail() || in.peek() != std::istringstream::traits_type::eof()) throw_unexpected(v, at, "a number");
    return d;
}

std::vector<value>& items_of(value& v, const location& at, std::string_view expected) {
    if (v.type() != value::kind::array) throw_unexpected(v, at, expected);
    return v.items();
}

std::vector<value>& items_of(value& v, const location& at, std::size_t count) {
    if (v.type() != value::kind::array || v.items().size() != count) {
        throw_unexpected(v, at, "an array of " + std::to_string(count) + " values");
    }
    return v.items();
}

} // namespace weir::redis::detail

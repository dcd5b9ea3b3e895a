// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/redis/error.hpp>

namespace weir::redis {

class value;

namespace detail {

/// A value within a reply, for the messages of errors.
struct location {
    std::string_view command;
    const location* parent = nullptr; // null for the reply itself
    std::size_t index = 0;            // in the parent
};

/// @throws error when the value is one; type_error otherwise
[[noreturn]] void throw_unexpected(const value& v, const location& at, std::string_view expected);

std::string take_text(value& v, const location& at);
std::int64_t to_integer(const value& v, const location& at);
double to_double(const value& v, const location& at);
std::vector<value>& items_of(value& v, const location& at, std::string_view expected);
/// @throws type_error unless there are as many items
std::vector<value>& items_of(value& v, const location& at, std::size_t count);
[[noreturn]] void throw_out_of_range(const value& v, const location& at);

template <class T, template <class...> class Template>
inline constexpr bool is_a = false;
template <class... T, template <class...> class Template>
inline constexpr bool is_a<Template<T...>, Template> = true;

template <class T>
concept map_like = requires(T& map, typename T::key_type key, typename T::mapped_type mapped) {
    map.insert_or_assign(std::move(key), std::move(mapped));
};
template <class T>
concept set_like = !map_like<T> && requires(T& set, typename T::key_type key) { set.insert(std::move(key)); };

template <class T>
T convert(value&& v, const location& at);

} // namespace detail

/// A value in a reply of the server, or the whole reply.
///
///     const auto n = (co_await client.command("INCR", "visits")).as<std::int64_t>();
///
/// Cost: no allocation for a status, an integer, nil or a text of up to 15 bytes.
class value {
public:
    enum class kind : std::uint8_t {
        nil,
        status, ///< such as OK
        error,  ///< within an array: the reply of a command that fails is thrown as redis::error
        integer,
        string, ///< any bytes
        array,
    };

    value() noexcept = default; ///< nil
    explicit value(std::int64_t n) noexcept : kind_{kind::integer}, integer_{n} {}
    /// A status, an error or a string.
    value(kind k, std::string text) noexcept : kind_{k}, text_{std::move(text)} {}
    explicit value(std::vector<value> items) noexcept : kind_{kind::array}, items_{std::move(items)} {}

    kind type() const noexcept { return kind_; }
    bool is_nil() const noexcept { return kind_ == kind::nil; }
    bool is_error() const noexcept { return kind_ == kind::error; }

    /// The number of an integer; otherwise 0.
    std::int64_t integer() const noexcept { return integer_; }
    /// The bytes of a string, a status or an error; otherwise "".
    const std::string& text() const& noexcept { return text_; }
    std::string text() && noexcept { return std::move(text_); }
    /// The values of an array; otherwise none.
    const std::vector<value>& items() const noexcept { return items_; }
    std::vector<value>& items() noexcept { return items_; }

    /// Converts it. T is one of:
    ///
    /// - std::string: a string or a status
    /// - an integer type, or double: an integer, or a string that has a number and nothing else
    /// - bool: the integers 0 and 1
    /// - std::optional<T>: std::nullopt for nil
    /// - std::vector<T>, and sets such as std::set<T>: an array
    /// - std::pair and std::tuple: an array of exactly as many values
    /// - maps such as std::map<K, V>: an array of keys and values in turn
    /// - value
    ///
    /// @throws redis::error for an error of the server; type_error for anything else, which names what it is
    template <class T>
    T as() && {
        return detail::convert<T>(std::move(*this), {});
    }
    template <class T>
    T as() const& {
        return value{*this}.as<T>();
    }

    friend bool operator==(const value&, const value&) = default;

private:
    kind kind_ = kind::nil;
    std::int64_t integer_ = 0;
    std::string text_;
    std::vector<value> items_;
};

/// The reply to a command: a value that knows its command, which its errors name.
class reply : public value {
public:
    reply(value v, std::string_view command) : value{std::move(v)}, command_{command} {}

    const std::string& command() const noexcept { return command_; }

    /// As value::as.
    template <class T>
    T as() && {
        return detail::convert<T>(std::move(*this), {.command = command_});
    }
    template <class T>
    T as() const& {
        return detail::convert<T>(value{*this}, {.command = command_});
    }

private:
    std::string command_;
};

namespace detail {

template <class T>
T convert(value&& v, const location& at) {
    const auto inner = [&at](std::size_t i) { return location{at.command, &at, i}; };
    if constexpr (std::same_as<T, value>) {
        return std::move(v);
    } else if constexpr (std::same_as<T, reply>) {
        return reply{std::move(v), at.command};
    } else if constexpr (std::same_as<T, std::string>) {
        return take_text(v, at);
    } else if constexpr (std::same_as<T, bool>) {
        if (v.type() != value::kind::integer || (v.integer() != 0 && v.integer() != 1)) {
            throw_unexpected(v, at, "0 or 1");
        }
        return v.integer() == 1;
    } else if constexpr (std::integral<T>) {
        const std::int64_t n = to_integer(v, at);
        if (!std::in_range<T>(n)) throw_out_of_range(v, at);
        return static_cast<T>(n);
    } else if constexpr (std::same_as<T, double>) {
        return to_double(v, at);
    } else if constexpr (is_a<T, std::optional>) {
        if (v.is_nil()) return std::nullopt;
        return convert<typename T::value_type>(std::move(v), at);
    } else if constexpr (is_a<T, std::vector> || set_like<T>) {
        T all;
        std::vector<value>& items = items_of(v, at, "an array");
        if constexpr (is_a<T, std::vector>) all.reserve(items.size());
        for (std::size_t i = 0; i != items.size(); ++i) {
            all.insert(all.end(), convert<typename T::value_type>(std::move(items[i]), inner(i)));
        }
        return all;
    } else if constexpr (map_like<T>) {
        T all;
        std::vector<value>& items = items_of(v, at, "an array of keys and values");
        if (items.size() % 2 != 0) throw_unexpected(v, at, "an array of keys and values");
        for (std::size_t i = 0; i != items.size(); i += 2) {
            auto key = convert<typename T::key_type>(std::move(items[i]), inner(i));
            all.insert_or_assign(std::move(key),
                                 convert<typename T::mapped_type>(std::move(items[i + 1]), inner(i + 1)));
        }
        return all;
    } else if constexpr (is_a<T, std::tuple> || is_a<T, std::pair>) {
        std::vector<value>& items = items_of(v, at, std::tuple_size_v<T>);
        return [&]<std::size_t... i>(std::index_sequence<i...>) {
            return T{convert<std::tuple_element_t<i, T>>(std::move(items[i]), inner(i))...};
        }(std::make_index_sequence<std::tuple_size_v<T>>{});
    } else {
        constexpr bool converts = std::same_as<T, value>;
        static_assert(converts,
                      "weir::redis: a reply cannot be converted to this type; it converts to std::string, integers, "
                      "double, bool, std::optional, std::vector, sets, maps, std::pair, std::tuple and redis::value");
    }
}

} // namespace detail

} // namespace weir::redis

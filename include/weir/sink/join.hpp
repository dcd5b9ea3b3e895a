// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T>
class joined_text {
public:
    using result_type = std::string;
    static constexpr held_bound held{.bytes = held_bound::any_number};

    explicit joined_text(std::string separator) : separator_(std::move(separator)) {}

    bool add(T&& item) {
        if (any_) text_ += separator_;
        any_ = true;
        if constexpr (std::same_as<T, char>) {
            text_ += item;
        } else {
            text_ += static_cast<std::string_view>(item);
        }
        return true;
    }
    std::string finish() { return std::move(text_); }

private:
    std::string separator_;
    std::string text_;
    bool any_ = false;
};

} // namespace detail

struct join_fn : detail::operator_fn<join_fn> {
    template <class S, class Separator>
    using pipeline = detail::accumulating_sink<S, detail::joined_text<item_t<S>>>;

    template <class T, class Separator>
    static consteval bool accepts() {
        constexpr bool ok = std::same_as<T, char> || std::convertible_to<const T&, std::string_view>;
        static_assert(ok, "weir::join(separator): the items are not text; map them to strings");
        return ok;
    }

    constexpr auto operator()(std::string separator = {}) const { return with(std::move(separator)); }
};

/// join(separator): all items, which are text or characters, as one string with the separator between them. join():
/// without a separator.
///
///     const std::string list = co_await (names() | weir::join(", "));
///
/// Errors: upstream's.
/// Cost: the allocations of the string.
/// See: to, fold, intersperse.
inline constexpr join_fn join{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <charconv>
#include <concepts>
#include <cstddef>
#include <ranges>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weir/io/byte_view.hpp>

namespace weir::redis::detail {

/// Text or bytes, as one argument.
template <class A>
concept text_argument = !std::same_as<A, std::nullptr_t> &&
                        (std::convertible_to<const A&, std::string_view> || weir::detail::readable_bytes<A>);

/// Not bool or char, of which it is not clear how they are to be written.
template <class A>
concept number_argument =
    (std::integral<A> && !std::same_as<A, bool> && !std::same_as<A, char> && !std::same_as<A, wchar_t> &&
     !std::same_as<A, char8_t> && !std::same_as<A, char16_t> && !std::same_as<A, char32_t>) ||
    std::floating_point<A>;

template <class A>
concept single_argument = text_argument<A> || number_argument<A>;

/// Each item is an argument. Those of a pair are two arguments, so that maps of fields can be passed.
template <class A>
concept pair_argument = requires(const A& a) {
    requires single_argument<std::remove_cvref_t<decltype(a.first)>>;
    requires single_argument<std::remove_cvref_t<decltype(a.second)>>;
};
template <class A>
concept range_argument =
    !single_argument<A> && std::ranges::forward_range<const A&> &&
    (single_argument<std::ranges::range_value_t<const A&>> || pair_argument<std::ranges::range_value_t<const A&>>);

template <class A>
concept argument = single_argument<A> || range_argument<A>;

/// How an argument is kept: numbers, views and temporaries by value, other objects by reference.
template <class A>
struct kept {
    using type = const std::remove_reference_t<A>*;
};
template <class A>
    requires(number_argument<std::remove_cvref_t<A>>)
struct kept<A> {
    using type = std::remove_cvref_t<A>;
};
template <class A>
    requires(std::convertible_to<const std::remove_cvref_t<A>&, std::string_view> &&
             (std::is_lvalue_reference_v<A> || std::is_trivially_copyable_v<std::remove_cvref_t<A>>))
struct kept<A> {
    using type = std::string_view;
};
template <class A>
    requires(!std::is_lvalue_reference_v<A> && !number_argument<A> &&
             !(std::convertible_to<const A&, std::string_view> && std::is_trivially_copyable_v<A>))
struct kept<A> {
    using type = std::remove_cv_t<A>;
};

template <class A>
constexpr decltype(auto) keep(A&& a) {
    if constexpr (std::is_pointer_v<typename kept<A>::type>) {
        return std::addressof(a);
    } else {
        return std::forward<A>(a);
    }
}
template <class A>
constexpr const A& use(const A& a) noexcept {
    return a;
}
template <class A>
constexpr const A& use(const A* a) noexcept {
    return *a;
}

/// Appends `prefix`, the number and a line end.
void append_length(std::string& to, char prefix, std::size_t n);
/// Appends an argument.
void append_text(std::string& to, std::string_view text);

template <single_argument A>
void append(std::string& to, const A& a) {
    if constexpr (std::convertible_to<const A&, std::string_view>) {
        append_text(to, a);
    } else if constexpr (number_argument<A>) {
        char digits[64];
        const auto end = std::to_chars(digits, digits + sizeof digits, a).ptr;
        append_text(to, {digits, static_cast<std::size_t>(end - digits)});
    } else {
        append_text(to, {reinterpret_cast<const char*>(std::ranges::data(a)), std::ranges::size(a)});
    }
}
template <range_argument A>
void append(std::string& to, const A& a) {
    for (const auto& item : a) {
        if constexpr (single_argument<std::remove_cvref_t<decltype(item)>>) {
            append(to, item);
        } else {
            append(to, item.first);
            append(to, item.second);
        }
    }
}

/// The number of arguments that it stands for.
template <argument A>
std::size_t size_of(const A& a) {
    if constexpr (single_argument<A>) {
        return 1;
    } else {
        const auto n = static_cast<std::size_t>(std::ranges::distance(a));
        return single_argument<std::ranges::range_value_t<const A&>> ? n : 2 * n;
    }
}

/// Appends a command as the server reads it: an array of its name and its arguments.
template <argument... A>
void append_command(std::string& to, std::string_view name, const A&... arguments) {
    append_length(to, '*', (std::size_t{1} + ... + size_of(arguments)));
    append_text(to, name);
    (append(to, arguments), ...);
}

} // namespace weir::redis::detail

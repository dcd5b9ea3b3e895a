// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>

namespace weir {

/// What stands right of a pipe: a function from a stream to a stream or a sink. Closures compose before they meet a
/// stream: `auto clean = filter(valid) | map(trim);`.
///
/// An operator returns one of these around a lambda that takes its upstream by value.
template <class F>
struct [[nodiscard("write stream | operator(...)")]] closure {
    F apply;
};

template <class F>
closure(F) -> closure<F>;

namespace detail {

template <class T>
inline constexpr bool is_closure = false;
template <class F>
inline constexpr bool is_closure<closure<F>> = true;

/// The closure of an operator whose arguments do not compile, once the compiler has said why.
constexpr auto invalid_closure() {
    return closure{[]<class S>(S) { return invalid_pipeline{}; }};
}

} // namespace detail

/// `stream | operator(arguments)`, and `operator | operator`.
template <class L, class F>
constexpr auto operator|(L&& left, closure<F> right) {
    using left_t = std::remove_cvref_t<L>;
    if constexpr (std::same_as<left_t, detail::invalid_pipeline>) {
        return detail::invalid_pipeline{};
    } else if constexpr (detail::is_closure<left_t>) {
        return closure{[first = std::forward<L>(left).apply, second = std::move(right.apply)]<class S>(
                           S upstream) mutable { return first(std::move(upstream)) | closure<F>{std::move(second)}; }};
    } else if constexpr (!std::is_constructible_v<left_t, L>) {
        static_assert(detail::always_false<L>,
                      "weir: a stream is used once and cannot be copied: write std::move(stream) | ...");
        return detail::invalid_pipeline{};
    } else {
        return right.apply(left_t(std::forward<L>(left)));
    }
}

/// Base of the function objects that make closures, for one mistake: `stream | map`, without the arguments.
struct operator_needs_its_arguments_in_parentheses {};

template <class L, std::derived_from<operator_needs_its_arguments_in_parentheses> Operator>
auto operator|(L&&, const Operator&) {
    // There is no such type: both compilers say so, and of which operator, in their first line.
    using error [[maybe_unused]] = typename Operator::needs_its_arguments_in_parentheses;
    return detail::invalid_pipeline{};
}

} // namespace weir

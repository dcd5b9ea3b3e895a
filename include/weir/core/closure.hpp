// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>

namespace weir {

/// The right operand of a pipe: a function from a stream to a stream or a sink. Closures also compose with each other:
/// `auto clean = filter(valid) | map(trim);`.
///
/// An operator returns a closure around a lambda that takes the upstream by value.
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

/// The closure of an operator whose arguments were rejected. It keeps the compiler from adding further errors.
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

/// Base of the function objects that return closures. It rejects `stream | map`, without the arguments.
struct operator_needs_its_arguments_in_parentheses {};

template <class L, std::derived_from<operator_needs_its_arguments_in_parentheses> Operator>
auto operator|(L&&, const Operator&) {
    // This type does not exist: both compilers then name the operator in the first line of the error.
    using error [[maybe_unused]] = typename Operator::needs_its_arguments_in_parentheses;
    return detail::invalid_pipeline{};
}

} // namespace weir

#pragma once

#include <type_traits>
#include <utility>

#include <weir/core/stream.hpp>

namespace weir {

/// What stands right of a pipe: a function from a stream to a stream or a sink. Closures compose before they meet a
/// stream: `auto clean = filter(valid) | map(trim);`.
///
/// An operator returns one of these around a lambda that takes its upstream by value.
template <class F>
class closure {
public:
    explicit constexpr closure(F f) : f_{std::move(f)} {}

    template <class S>
    constexpr auto operator()(S upstream) && {
        return std::move(f_)(std::move(upstream));
    }
    template <class S>
    constexpr auto operator()(S upstream) const& {
        return F{f_}(std::move(upstream));
    }

private:
    F f_;
};

namespace detail {

template <class T>
inline constexpr bool is_closure = false;
template <class F>
inline constexpr bool is_closure<closure<F>> = true;

} // namespace detail

/// `stream | operator(arguments)`, and `operator | operator`.
template <class L, class F>
constexpr auto operator|(L&& left, closure<F> right) {
    using left_t = std::remove_cvref_t<L>;
    if constexpr (detail::is_closure<left_t>) {
        return closure{[first = left_t{std::forward<L>(left)}, second = std::move(right)]<class S>(S upstream) mutable {
            return std::move(second)(std::move(first)(std::move(upstream)));
        }};
    } else if constexpr (!std::is_constructible_v<left_t, L>) {
        static_assert(detail::always_false<L>,
                      "weir: a stream is used once and cannot be copied: write std::move(stream) | ...");
    } else {
        return std::move(right)(left_t{std::forward<L>(left)});
    }
}

/// Base of the function objects that make closures. It is there for one mistake: `stream | map`, without arguments.
struct operator_needs_its_arguments_in_parentheses {};

template <class L>
    requires(stream<std::remove_cvref_t<L>> || detail::is_closure<std::remove_cvref_t<L>>)
void operator|(L&&, const operator_needs_its_arguments_in_parentheses&) = delete;

} // namespace weir

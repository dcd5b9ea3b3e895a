// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// Shows an operator and the type left of its `|` in an error message.
template <class Operator, class Left>
struct pipe_into {};

/// Whether an operator has an `accepts` function for these item and argument types.
template <class Operator, class T, class... Args>
concept checks = requires { Operator::template accepts<T, Args...>(); };

/// Base of the function object that a user calls for an operator or a sink: turns arguments into a closure, and
/// attaches that to a stream.
///
///     struct map_fn : detail::operator_fn<map_fn> {
///         template <class S, class F>
///         using pipeline = map_stream<S, F>; // the type of `upstream | map(f)`; constructed from upstream and f
///
///         template <class T, class F> // for an upstream whose items are T
///         static consteval bool accepts() {
///             constexpr bool ok = gives_object<F&, T>;
///             static_assert(ok, "weir::map(f): f cannot be called with an item, or returns nothing");
///             return ok;
///         }
///     };
///
/// `accepts` is called only when the left operand of the `|` is a stream, which this class checks. An operator whose
/// arguments are checked or converted when it is called has its own `operator()`, which returns `with(arguments...)`.
/// There a last argument may default to `std::source_location::current()`; it cannot follow the pack here.
template <class Operator>
struct operator_fn : operator_needs_its_arguments_in_parentheses {
    template <class... Args>
        requires checks<Operator, int, Args...>
    constexpr auto operator()(Args... args) const {
        return with(std::move(args)...);
    }

    /// An operator without arguments has nothing to check.
    template <class T>
    static consteval bool accepts() {
        return true;
    }

    /// An operator that needs more than a constructor call replaces this function.
    template <stream S, class... Args>
    static constexpr auto attach(S left, Args... args) {
        return typename Operator::template pipeline<S, Args...>(std::move(left), std::move(args)...);
    }

protected:
    template <class... Args>
    static constexpr auto with(Args... args) {
        return closure{[... args = std::move(args)]<class S>(S left) mutable {
            if constexpr (!stream<S>) {
                // This type does not exist: both compilers name it, the operator and the left operand in the first line
                // of the error.
                using error [[maybe_unused]] =
                    typename pipe_into<Operator, S>::what_is_left_of_the_pipe_is_not_a_stream;
                return invalid_pipeline{};
            } else if constexpr (!checks<Operator, item_t<S>, Args...>) {
                return Operator::attach(std::move(left), std::move(args)...);
            } else if constexpr (Operator::template accepts<item_t<S>, Args...>()) {
                return Operator::attach(std::move(left), std::move(args)...);
            } else {
                return invalid_pipeline{};
            }
        }};
    }
};

} // namespace weir::detail

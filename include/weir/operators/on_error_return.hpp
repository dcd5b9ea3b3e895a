// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/few_items.hpp>
#include <weir/operators/on_error_resume.hpp>

namespace weir {

namespace detail {

/// The stream of a value in place of an error. It is called once.
template <class T>
class return_value {
public:
    static constexpr held_bound held{.items = 1};

    explicit return_value(T value) : value_(std::move(value)) {}

    template <class Error>
    one_value<T> operator()(const Error&) {
        return one_value<T>(std::move(value_));
    }

private:
    T value_;
};

template <class E>
struct on_error_return_fn : operator_fn<on_error_return_fn<E>> {
    template <class T, class Value>
    static consteval bool accepts() {
        constexpr bool streams = stream<Value>;
        static_assert(!streams,
                      "weir::on_error_return(value): takes a value; write on_error_resume(f), where f returns "
                      "the stream");
        constexpr bool ok = streams || std::convertible_to<Value, T>;
        static_assert(ok, "weir::on_error_return(value): the value does not convert to the stream's item type");
        return ok && !streams;
    }

    template <stream S, class Value>
    static constexpr auto attach(S left, Value value) {
        using fallback = return_value<item_t<S>>;
        return on_error_resume_stream<S, E, fallback>(std::move(left),
                                                      fallback(static_cast<item_t<S>>(std::move(value))));
    }
};

} // namespace detail

/// on_error_return(value): when upstream fails, the value, and then the end. on_error_return<E>(value): the same for
/// errors of type E; others pass.
///
///     in                  --1--2--#
///     on_error_return(0)  --1--2--[0|]
///
/// It is on_error_resume(f), where f returns the stream of the value.
///
/// Ends: with upstream, or after the value; upstream is destroyed before the value is delivered.
/// Errors: upstream's, if they are not of type E.
/// Cost: no allocation; the value is held.
/// See: on_error_resume, on_error_complete, materialize.
template <class E = detail::any_error, class Value>
constexpr auto on_error_return(Value value) {
    return detail::on_error_return_fn<E>{}(std::move(value));
}

} // namespace weir

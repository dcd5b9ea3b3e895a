// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/or_else.hpp>

namespace weir {

namespace detail {

/// The stream of one value.
template <class T>
class one_value {
public:
    using value_type = T;

    explicit one_value(T value) : value_(std::in_place, std::move(value)) {}

    poll<T> poll_next(context&) {
        if (!value_) return done;
        poll<T> answer(std::move(*value_));
        value_.reset();
        return answer;
    }

private:
    std::optional<T> value_;
};

} // namespace detail

struct default_if_empty_fn : detail::operator_fn<default_if_empty_fn> {
    template <class T, class Value>
    static consteval bool accepts() {
        constexpr bool streams = stream<Value>;
        static_assert(!streams, "weir::default_if_empty(value): takes a value; write or_else(stream) for a stream");
        constexpr bool ok = streams || std::convertible_to<Value, T>;
        static_assert(ok, "weir::default_if_empty(value): the value does not convert to the stream's item type");
        return ok && !streams;
    }

    template <stream S, class Value>
    static constexpr auto attach(S left, Value value) {
        using other = detail::one_value<item_t<S>>;
        return or_else_stream<S, other>(std::move(left), other(static_cast<item_t<S>>(std::move(value))));
    }
};

/// default_if_empty(value): the items, or the value when upstream ends without one.
///
///     in                   ------|
///     default_if_empty(0)  ------[0|]
///
/// Ends: with upstream, or after the value. Errors: upstream's.
/// Cost: no allocation; the value is held.
/// See: or_else for a stream, start_with, first.
inline constexpr default_if_empty_fn default_if_empty{};

} // namespace weir

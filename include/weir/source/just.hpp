// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

/// The stream of given values.
template <class T, std::size_t N>
class [[nodiscard("add a sink and co_await it")]] just_stream {
public:
    using value_type = T;

    explicit just_stream(std::array<T, N> values) : values_(std::move(values)) {}

    poll<T> poll_next(context&) {
        checker_.check();
        if (next_ != N) return poll<T>(std::move(values_[next_++]));
        checker_.ended();
        return done;
    }

    void outline(stage_outline& out) const { out.holds(N); }

private:
    std::array<T, N> values_;
    std::size_t next_ = 0;
    detail::poll_checker checker_;
};

/// just(values...): the values, in order. Values of several types become items of their common type, or of the given
/// one: `just<std::string>("a", "b")`.
///
///     just(1, 2, 3)  123|
///
/// Ends: after the last value. Errors: none.
/// Cost: no allocation; the values are moved out of the stream.
/// See: from_range, once.
template <class T, class... Rest>
constexpr auto just(T head, Rest... rest) {
    if constexpr (!requires { typename std::common_type_t<T, Rest...>; }) {
        static_assert(detail::always_false<T>,
                      "weir::just(values...): the values have no common type; name one: just<T>(values...)");
    } else {
        using item = std::common_type_t<T, Rest...>;
        return just_stream<item, 1 + sizeof...(Rest)>{
            {static_cast<item>(std::move(head)), static_cast<item>(std::move(rest))...}};
    }
}

template <class... None>
    requires(sizeof...(None) == 0)
constexpr auto just() {
    static_assert(sizeof...(None) != 0, "weir::just(): no values; write empty<T>() for a stream without items");
}

} // namespace weir

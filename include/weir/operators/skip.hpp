// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream after the first n.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] skip_stream : public detail::selection<skip_stream<S>, S> {
public:
    skip_stream(S upstream, std::size_t n) : skip_stream::selection(std::move(upstream)), left_{n} {}

    bool selects(const item_t<S>&) noexcept { return left_ == 0 || left_-- == 0; }

private:
    std::size_t left_;
};

struct skip_fn : detail::operator_fn<skip_fn> {
    template <class S, class N>
    using pipeline = skip_stream<S>;

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(detail::checked_count(n, "weir::skip(n): n is negative"));
    }
};

/// skip(n): all items but the first n.
///
///     in       --1--2--3--4--|
///     skip(2)  --------3--4--|
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: no allocation; no item held.
/// See: skip_while, take.
///
/// @throws std::invalid_argument when n is negative
inline constexpr skip_fn skip{};

} // namespace weir

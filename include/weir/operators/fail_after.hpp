// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream that has no more than a number of them.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] fail_after_stream
    : public detail::one_to_one<fail_after_stream<S>, S> {
public:
    using value_type = item_t<S>;

    fail_after_stream(S upstream, std::size_t n)
        : fail_after_stream::one_to_one(std::move(upstream)), left_{n}, most_{n} {}

    value_type&& pass(value_type&& item) {
        if (left_ == 0) throw limit_exceeded{"weir::fail_after: more than " + std::to_string(most_) + " items"};
        --left_;
        return std::move(item);
    }

private:
    std::size_t left_;
    std::size_t most_;
};

struct fail_after_fn : detail::operator_fn<fail_after_fn> {
    template <class S, class N>
    using pipeline = fail_after_stream<S>;

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(detail::checked_count(n, "weir::fail_after(n): n is negative"));
    }
};

/// fail_after(n): the items of a stream that must not have more than n. The next item is an error.
///
///     in             --1--2--3--4--|
///     fail_after(2)  --1--2--#
///
/// It limits input whose size the peer decides: `chunks | weir::fail_after(1000) | weir::to<std::vector>()`.
///
/// Ends: with upstream. Errors: upstream's; limit_exceeded, when an item after the n-th has arrived.
/// Cost: no allocation; no item held.
/// See: take, which ends, limited_stream for bytes.
///
/// @throws std::invalid_argument when n is negative
inline constexpr fail_after_fn fail_after{};

} // namespace weir

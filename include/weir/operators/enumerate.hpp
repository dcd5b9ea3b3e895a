// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream, numbered from zero.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] enumerate_stream : public detail::one_to_one<enumerate_stream<S>, S> {
public:
    using value_type = std::pair<std::size_t, item_t<S>>;

    explicit enumerate_stream(S upstream) : enumerate_stream::one_to_one(std::move(upstream)) {}

    value_type pass(item_t<S>&& item) { return value_type(next_++, std::move(item)); }

private:
    std::size_t next_ = 0;
};

struct enumerate_fn : detail::operator_fn<enumerate_fn> {
    template <class S>
    using pipeline = enumerate_stream<S>;
};

/// enumerate(): each item with its number, as a pair.
///
///     in           --a-----b-----c--|
///     enumerate()  --(0a)--(1b)--(2c)--|
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: no allocation; no item held.
/// See: zip, scan.
inline constexpr enumerate_fn enumerate{};

} // namespace weir

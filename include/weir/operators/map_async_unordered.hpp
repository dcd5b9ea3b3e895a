// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

#include <weir/core/stream.hpp>
#include <weir/operators/detail/in_flight.hpp>
#include <weir/operators/map_async.hpp>

namespace weir {

template <stream S, class F, class Limit = std::size_t>
using map_async_unordered_stream = map_async_stream<S, F, Limit, detail::delivery::as_ready>;

struct map_async_unordered_fn : detail::map_async_operator<map_async_unordered_fn, detail::delivery::as_ready> {
    static constexpr const char* no_operations = "weir::map_async_unordered(n, f): n must be at least 1";
};

/// map_async_unordered(n, f): co_await f(a) for each item a, at most n at a time; results are delivered as they are
/// ready.
///
///     in                         --4-1---5-----|
///     map_async_unordered(2, f)  -----14------5|     where f(x) takes x ticks
///
/// From the first poll on, operations are started as long as fewer than n are in flight or wait for delivery, and run
/// to their end, whether or not the consumer is busy. f and the item of an operation exist until the operation has
/// ended, whether f takes T, const T& or T&&.
///
/// map_async_unordered(limit, f): the same with a concurrency_limit, which may be changed and shared. An operation
/// starts when it has a permit. As many items as the limit allows wait for permits, without the limit's queue limits.
/// The operator refers to the limit.
///
/// Ends: with upstream, after the last result.
/// Errors: upstream's, after the results of the operations in flight; an operation's or f's, after the results that
/// were ready before. Upstream and the other operations are dropped at once.
/// Dropped: the operations in flight are destroyed; results and items held are lost.
/// Cost: one allocation per operation at a time, reused; up to n items and results held.
/// See: map_async, flat_map.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr map_async_unordered_fn map_async_unordered{};

} // namespace weir

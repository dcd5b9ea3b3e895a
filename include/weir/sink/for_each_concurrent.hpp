// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/sink/drain.hpp>

namespace weir {

struct for_each_concurrent_fn : detail::operator_fn<for_each_concurrent_fn> {
    template <class T, class N, class F>
    static consteval bool accepts() {
        constexpr bool ok = detail::returns_operation<F&, T>;
        static_assert(ok, "weir::for_each_concurrent(n, f): f cannot be called with an item, or does not return a task "
                          "or another operation; write for_each(f) for a plain function");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::for_each_concurrent(n, f) keeps items, and these borrow their memory; put "
                            "to_owned() before it, or outlives(view) around what outlives it");
        return ok && kept;
    }

    template <stream S, class F>
    static constexpr auto attach(S left, std::size_t n, F f) {
        return drain_fn::attach(map_async_unordered_stream<S, F>(std::move(left), n, std::move(f)));
    }

    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return with(detail::at_least_one(n, "weir::for_each_concurrent(n, f): n must be at least 1"), std::move(f));
    }
};

/// for_each_concurrent(n, f): awaits f(a) for each item a, at most n at a time. It has no result.
///
///     co_await (requests() | weir::for_each_concurrent(16, handle));
///
/// It is map_async_unordered(n, f) | drain(): the results are ignored, and upstream is asked for another item when an
/// operation has ended. f and the item of an operation exist until the operation has ended, whether f takes T,
/// const T& or T&&.
///
/// Errors: upstream's, after the operations in flight have ended; an operation's or f's, which drops upstream and the
/// other operations at once.
/// Dropped: the operations in flight are destroyed.
/// Cost: one allocation per operation at a time, reused; up to n items held.
/// See: for_each, map_async_unordered.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr for_each_concurrent_fn for_each_concurrent{};

} // namespace weir

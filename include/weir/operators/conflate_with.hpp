// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <limits>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/conflating_stream.hpp>

namespace weir {

/// Items of an upstream, combined while the consumer is busy, without a limit.
template <stream S, class Seed, class F>
using conflate_with_stream = detail::conflating_stream<S, Seed, F>;

struct conflate_with_fn : detail::operator_fn<conflate_with_fn> {
    template <class S, class Most, class Seed, class F>
    using pipeline = conflate_with_stream<S, Seed, F>;

    template <class T, class Most, class Seed, class F>
    static consteval bool accepts() {
        constexpr bool combined = detail::conflates<T, Seed, F>();
        static_assert(combined, "weir::conflate_with(f): f cannot be called with a value and an item, or does not "
                                "return a value of the same type; conflate_with(seed, f) makes the first value by "
                                "seed(item)");
        if constexpr (combined) {
            constexpr bool kept = detail::keepable<std::remove_cvref_t<std::invoke_result_t<Seed&, T>>>;
            static_assert(kept, "weir::conflate_with(f) keeps a value, and these borrow their memory; put to_owned() "
                                "before it, or outlives(view) around what outlives it");
            return kept;
        }
        return false;
    }

    template <class F>
    constexpr auto operator()(F f) const {
        return with(std::numeric_limits<std::size_t>::max(), std::identity{}, std::move(f));
    }
    template <class Seed, class F>
    constexpr auto operator()(Seed seed, F f) const {
        return with(std::numeric_limits<std::size_t>::max(), std::move(seed), std::move(f));
    }
};

/// conflate_with(f): while the consumer is busy, items are combined into one by f(value, item).
/// conflate_with(seed, f): the same with values of another type, the first of which is seed(item).
///
///     in                a-b-c-d-e-f---|
///     consumer          takes an item every six ticks
///     conflate_with(+)  a-----bcd---ef|
///
/// A consumer that keeps up sees every item. conflate_with that keeps the second of two is buffer(1, drop_oldest), and
/// latest_per_key keeps the newest for each key. From the first poll on upstream is polled whether or not the
/// consumer is busy.
///
/// Ends: with upstream. Errors: upstream's, and what seed and f throw. The value held comes before an error of
/// upstream, after upstream has been destroyed; f has taken it when f throws.
/// Dropped: the value held is lost.
/// Cost: no allocation; one value held.
/// See: batch_while_busy, buffer, sample.
inline constexpr conflate_with_fn conflate_with{};

} // namespace weir

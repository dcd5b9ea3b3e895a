// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <type_traits>
#include <utility>
#include <vector>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/conflating_stream.hpp>

namespace weir {

namespace detail {

struct first_of_batch {
    template <class T>
    std::vector<T> operator()(T item) const {
        std::vector<T> batch;
        batch.push_back(std::move(item));
        return batch;
    }
};
struct append_to_batch {
    template <class T>
    std::vector<T> operator()(std::vector<T> batch, std::type_identity_t<T> item) const {
        batch.push_back(std::move(item));
        return batch;
    }
};

} // namespace detail

/// Items of an upstream, combined while the consumer is busy, up to a limit.
template <stream S, class Seed, class F>
using batch_while_busy_stream = detail::conflating_stream<S, Seed, F>;

struct batch_while_busy_fn : detail::operator_fn<batch_while_busy_fn> {
    template <class S, class Most, class Seed, class F>
    using pipeline = batch_while_busy_stream<S, Seed, F>;

    template <class T, class Most, class Seed, class F>
    static consteval bool accepts() {
        constexpr bool combined = detail::conflates<T, Seed, F>();
        static_assert(combined, "weir::batch_while_busy(max, f): f cannot be called with a value and an item, or does "
                                "not return a value of the same type; batch_while_busy(max, seed, f) makes the first "
                                "value by seed(item)");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::batch_while_busy(max) keeps items, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        return combined && kept;
    }

    template <std::integral N>
    constexpr auto operator()(N most) const {
        return with(checked(most), detail::first_of_batch{}, detail::append_to_batch{});
    }
    template <std::integral N, class F>
    constexpr auto operator()(N most, F f) const {
        return with(checked(most), std::identity{}, std::move(f));
    }
    template <std::integral N, class Seed, class F>
    constexpr auto operator()(N most, Seed seed, F f) const {
        return with(checked(most), std::move(seed), std::move(f));
    }

private:
    template <std::integral N>
    static constexpr std::size_t checked(N most) {
        return detail::at_least_one(most, "weir::batch_while_busy(max): max must be at least 1");
    }
};

/// batch_while_busy(max): the items that arrived while the consumer was busy, up to max at a time, as a std::vector.
/// batch_while_busy(max, f), batch_while_busy(max, seed, f): the same, combined as by conflate_with.
///
///     in                   a-b-c-d-e-f---|
///     consumer             takes an item every six ticks
///     batch_while_busy(9)  (a)---(bcd)-(ef)|
///
/// A consumer that keeps up receives every item in a batch of its own, at once. When max items are held, upstream is
/// not polled until the consumer has taken them. From the first poll on upstream is polled whether or not the consumer
/// is busy.
///
/// Ends: with upstream. Errors: upstream's, and what seed and f throw. The batch held comes before an error of
/// upstream, after upstream has been destroyed; f has taken it when f throws.
/// Dropped: the batch held is lost.
/// Cost: allocations for each vector; at most max items held.
/// See: conflate_with, chunk, buffer.
///
/// @throws std::invalid_argument when max is less than 1
inline constexpr batch_while_busy_fn batch_while_busy{};

} // namespace weir

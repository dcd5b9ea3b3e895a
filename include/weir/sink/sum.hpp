// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/fold.hpp>

namespace weir {

struct sum_fn : detail::operator_fn<sum_fn> {
    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = std::default_initializable<T> && detail::gives_assignable<T, std::plus<>, T, T>;
        static_assert(ok, "weir::sum(): the items cannot be added, or have no zero; write fold(init, f)");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::sum() keeps an item, and these borrow their memory; put to_owned() before it");
        return ok && kept;
    }

    template <stream S>
    static constexpr auto attach(S left) {
        return fold_fn::attach(std::move(left), item_t<S>(), std::plus<>{});
    }
};

/// sum(): the sum of the items, as + adds them; T() for a stream without items.
///
///     const std::size_t bytes = co_await (entries() | weir::map(size_of) | weir::sum());
///
/// The sum has the type of the items: `fold(std::uint64_t{0}, std::plus{})` sums small numbers in a large one.
///
/// Errors: upstream's, and what + throws.
/// Cost: no allocation.
/// See: average, fold, reduce.
inline constexpr sum_fn sum{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T>
class ignore_items {
public:
    using result_type = unit;

    bool add(T&&) const noexcept { return true; }
    unit finish() const noexcept { return {}; }
};

} // namespace detail

struct drain_fn : detail::operator_fn<drain_fn> {
    template <class S>
    using pipeline = detail::accumulating_sink<S, detail::ignore_items<item_t<S>>>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool vanish = operation<T>;
        static_assert(!vanish, "weir::drain(): the items are operations, and nothing would await them; write "
                               "map_async(n, f) where they are made by map(f)");
        return !vanish;
    }
};

/// drain(): takes all items and ignores them, to run a pipeline for its effects. It has no result.
///
///     co_await (jobs() | weir::map(work) | weir::drain());
///
/// Errors: upstream's.
/// Cost: no allocation; no item held.
/// See: for_each, count.
inline constexpr drain_fn drain{};

} // namespace weir

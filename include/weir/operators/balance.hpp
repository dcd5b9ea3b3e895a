// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>
#include <vector>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/branches.hpp>

namespace weir {

namespace detail {

/// An item goes to the branch that has asked for it.
struct to_who_asks {
    template <class T>
    std::size_t operator()(const T&, std::size_t asking) const noexcept {
        return asking;
    }
};

} // namespace detail

struct balance_fn : detail::operator_fn<balance_fn> {
    template <class S>
    using branch = stream_branch<S, detail::to_who_asks>;

    template <stream S, class N>
    static auto attach(S left, N n) {
        using shared = detail::branches<S, detail::to_who_asks, detail::drop_silently>;
        const detail::handle<shared, detail::role::other> all{*new shared(std::move(left), n, 1, {}, {})};
        std::vector<branch<S>> streams;
        streams.reserve(n);
        for (std::size_t i = 0; i != n; ++i) streams.emplace_back(all, i);
        return streams;
    }

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(detail::at_least_one(n, "weir::balance(n): n must be at least 1"));
    }
};

/// balance(n): n streams, a std::vector. Each item goes to a stream whose consumer waits.
///
///     in        abcdef|
///     first     a--c--f|     a consumer that needs three ticks for an item
///     second    b-d-e-|      a consumer that needs two
///
///     weir::task_group group;
///     for (auto& jobs : queue() | weir::balance(4)) group.spawn(work(std::move(jobs)));
///
/// Upstream is asked when a consumer waits, and no item is held: a busy consumer receives nothing, and a slow consumer
/// receives less. Of several consumers that wait, the first to run receives the item. A stream may be moved and
/// destroyed at any time; no item is lost with it.
///
/// Ends: all with upstream. Errors: upstream's, in all streams. Upstream has been destroyed by then.
/// Dropped: upstream is destroyed with the last of the streams.
/// Threads: the streams belong to one executor.
/// Cost: three allocations for all; no copy; nothing held.
/// See: partition, share, map_async_unordered, parallel.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr balance_fn balance{};

} // namespace weir

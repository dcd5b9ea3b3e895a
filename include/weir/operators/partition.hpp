// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/branches.hpp>

namespace weir {

namespace detail {

/// Items for which a predicate holds go to the first branch, the others to the second.
template <class Pred>
class by_predicate {
public:
    explicit by_predicate(Pred pred) : pred_(std::move(pred)) {}

    template <class T>
    std::size_t operator()(const T& item, std::size_t) {
        return std::invoke(pred_, item) ? 0 : 1;
    }

private:
    [[no_unique_address]] Pred pred_;
};

} // namespace detail

struct partition_options {
    /// The maximum number of items held for each of the two streams, >= 1.
    std::size_t capacity = 64;
};

struct partition_fn : detail::operator_fn<partition_fn> {
    template <class S, class Pred, class OnDrop>
    using branch = stream_branch<S, detail::by_predicate<Pred>, OnDrop>;

    template <class T, class Pred, class Options, class OnDrop>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Pred&, const T&>;
        static_assert(ok, "weir::partition(pred): pred cannot be called with an item, or does not return a bool");
        constexpr bool drops = detail::drops_items<OnDrop, T>;
        static_assert(
            drops,
            "weir::partition(pred, options, on_drop): on_drop cannot be called with (item) or (item, drop_reason), or "
            "returns an operation or a stream, which nothing would await");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::partition(pred) keeps items, and these borrow their memory; put to_owned() before "
                            "it, or outlives(view) around what outlives it");
        return ok && drops && kept;
    }

    template <stream S, class Pred, class Options, class OnDrop>
    static auto attach(S left, Pred pred, Options options, OnDrop on_drop) {
        using shared = detail::branches<S, detail::by_predicate<Pred>, OnDrop>;
        const detail::handle<shared, detail::role::other> all{*new shared(
            std::move(left), 2, options.capacity, detail::by_predicate<Pred>(std::move(pred)), std::move(on_drop))};
        using one = branch<S, Pred, OnDrop>;
        return std::pair<one, one>(one(all, 0), one(all, 1));
    }

    template <class Pred, class OnDrop = detail::drop_silently>
    constexpr auto operator()(Pred pred, partition_options options = {}, OnDrop on_drop = {}) const {
        if (options.capacity == 0) {
            throw std::invalid_argument{"weir::partition(pred, {.capacity}): capacity must be at least 1"};
        }
        return with(std::move(pred), options, std::move(on_drop));
    }
};

/// partition(pred): two streams, a std::pair: the items for which pred holds, and the others.
///
///     in       --1--2--3--4--|
///     odd      --1-----3-----|
///     even     -----2-----4--|
///
///     auto [odd, even] = numbers() | weir::partition(is_odd);
///     co_await weir::when_all(std::move(odd) | weir::for_each(f), std::move(even) | weir::for_each(g));
///
/// The stream whose consumer waits asks upstream, and holds items for the other: up to {.capacity}, 64 unless said
/// otherwise. While the other stream has as many, the first waits for it. A stream without a reader therefore stops
/// the other; destroy it, and its items are dropped. Either may be moved at any time.
///
/// Ends: both with upstream, after the items held. Errors: upstream's and what pred throws, in both streams, after the
/// items held. Upstream has been destroyed by then.
/// Dropped: upstream is destroyed with the second of the two. Items of a stream that was destroyed are passed to
/// on_drop, the third argument, if there is one.
/// Threads: both streams belong to one executor.
/// Cost: an allocation for both; no copy; up to {.capacity} items held for each.
/// See: filter, unzip, balance, share, for_each_group.
///
/// @throws std::invalid_argument when the capacity is 0
inline constexpr partition_fn partition{};

} // namespace weir

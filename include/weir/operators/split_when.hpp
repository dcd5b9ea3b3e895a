// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <limits>
#include <utility>
#include <vector>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/grouped_stream.hpp>

namespace weir {

namespace detail {

/// A group starts with an item for which a predicate holds.
template <class T, class Pred>
class split_when_rule {
public:
    static constexpr const char* name = "split_when";

    explicit split_when_rule(Pred pred) : pred_(std::move(pred)) {}

    bool joins(const std::vector<T>& group, const T& item) { return !std::invoke(pred_, item) || group.empty(); }

private:
    [[no_unique_address]] Pred pred_;
};

} // namespace detail

/// The items of an upstream in vectors that start where a predicate holds.
template <stream S, class Pred>
using split_when_stream = detail::grouped_stream<S, detail::split_when_rule<item_t<S>, Pred>, Pred>;

struct split_when_fn : detail::operator_fn<split_when_fn> {
    template <class S, class Pred, class Limit>
    using pipeline = split_when_stream<S, Pred>;

    template <class T, class Pred, class Limit>
    static consteval bool accepts() {
        constexpr bool asked = std::predicate<Pred&, const T&>;
        static_assert(asked, "weir::split_when(pred): pred cannot be called with an item, or does not return a bool");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::split_when(pred) keeps items, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return asked && kept;
    }

    template <class Pred>
    constexpr auto operator()(Pred pred) const {
        return with(std::move(pred), std::numeric_limits<std::size_t>::max());
    }
    template <class Pred, std::integral N>
    constexpr auto operator()(Pred pred, N limit) const {
        return with(std::move(pred),
                    detail::at_least_one(limit, "weir::split_when(pred, limit): limit must be at least 1"));
    }
};

/// split_when(pred): the items in std::vectors, each of which starts with an item for which pred holds, as Akka's
/// splitWhen.
///
///     in                    --A--b--c--D--E--|
///     split_when(is_upper)  -----------(Abc)-(D)---[(E)|]
///
/// The first group starts with the first item. A group leaves when the first item of the next has come, or at the end.
/// With split_when(pred, limit) a group may have no more than limit items.
///
/// Ends: with upstream. Errors: upstream's, what pred throws, and limit_exceeded when a group grows beyond the limit.
/// The items held come before either, after upstream has been destroyed.
/// Dropped: the items held are lost.
/// Cost: allocations for each vector, which grows to the size of its group; one group held, and an item of the next.
/// See: chunk, chunk_by.
///
/// @throws std::invalid_argument when limit is less than 1
inline constexpr split_when_fn split_when{};

} // namespace weir

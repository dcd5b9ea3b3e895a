// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/zip_longest.hpp>
#include <weir/sink/all_of.hpp>

namespace weir {

namespace detail {

/// Whether both items of a zip_longest are present and equal.
template <class Equal>
class both_equal {
public:
    explicit both_equal(Equal equal) : equal_(std::move(equal)) {}

    template <class Pair>
    bool operator()(const Pair& pair) {
        const auto& [left, right] = pair;
        return left && right && std::invoke(equal_, *left, *right);
    }

private:
    [[no_unique_address]] Equal equal_;
};

} // namespace detail

struct sequence_equal_fn {
    template <class A, class B, class Equal = std::equal_to<>>
    constexpr auto operator()(A&& a, B&& b, Equal equal = {}) const {
        using left_t = std::remove_cvref_t<A>;
        using right_t = std::remove_cvref_t<B>;
        if constexpr (!stream<left_t> || !stream<right_t>) {
            static_assert(detail::always_false<A, B>, "weir::sequence_equal(a, b): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!std::predicate<Equal&, const item_t<left_t>&, const item_t<right_t>&>) {
            static_assert(detail::always_false<A, B>,
                          "weir::sequence_equal(a, b, equal): the items of a and b cannot be compared by ==, or by "
                          "equal");
            return detail::invalid_pipeline{};
        } else {
            return zip_longest(std::forward<A>(a), std::forward<B>(b)) |
                   all_of(detail::both_equal<Equal>(std::move(equal)));
        }
    }
};

/// sequence_equal(a, b): whether two streams have the same number of items, and equal items in the same order.
/// sequence_equal(a, b, equal): the same, as equal compares them.
///
///     const bool same = co_await weir::sequence_equal(weir::lines("a.txt"), weir::lines("b.txt"));
///
/// Both streams are polled at the same time, and are dropped when the answer is known: at the first items that differ,
/// or when one has ended and the other has an item.
///
/// Errors: the first of either stream before the answer is known, and what equal throws.
/// Cost: no allocation; one item of each held.
/// See: zip_longest, all_of.
inline constexpr sequence_equal_fn sequence_equal{};

} // namespace weir

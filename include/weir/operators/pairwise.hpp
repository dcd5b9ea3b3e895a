#pragma once

#include <concepts>
#include <optional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// Each item of an upstream with the one before it.
template <stream S>
class pairwise_stream {
    static_assert(detail::keepable<item_t<S>>, "weir::pairwise() keeps items, and these borrow their memory; put "
                                               "to_owned() before it, or outlives(view) around what outlives it");

public:
    using value_type = std::pair<item_t<S>, item_t<S>>;

    explicit pairwise_stream(S upstream) : upstream_{std::move(upstream)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item()) return item.template no_item<value_type>();
            if (previous_) {
                poll<value_type> answer{value_type{std::move(*previous_), *item}};
                previous_.emplace(*std::move(item));
                return answer;
            }
            previous_.emplace(*std::move(item));
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    std::optional<item_t<S>> previous_;
};

struct pairwise_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::pairwise(): what is left of | is not a stream");
            } else if constexpr (!std::copy_constructible<item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::pairwise(): an item is in two pairs, and these items cannot be copied");
            } else {
                return pairwise_stream<S>{std::move(upstream)};
            }
        }};
    }
};

/// pairwise(): each item with the one before it. A stream of fewer than two items has no pairs.
///
///     in          --a--b-----c-----d--|
///     pairwise()  -----(ab)--(bc)--(cd)--|
///
/// Ends and fails with its upstream. One copy an item.
inline constexpr pairwise_fn pairwise{};

} // namespace weir

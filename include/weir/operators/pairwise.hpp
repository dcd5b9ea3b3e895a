// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// Each item of an upstream with the one before it.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] pairwise_stream
    : public detail::one_to_optional<pairwise_stream<S>, S> {
public:
    using value_type = std::pair<item_t<S>, item_t<S>>;

    explicit pairwise_stream(S upstream) : pairwise_stream::one_to_optional(std::move(upstream)) {}

    std::optional<value_type> pass(item_t<S>&& item) {
        std::optional<value_type> pair;
        if (previous_) pair.emplace(std::move(*previous_), std::as_const(item));
        previous_.emplace(std::move(item));
        return pair;
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        pairwise_stream::one_to_optional::outline(out);
    }

private:
    std::optional<item_t<S>> previous_;
};

struct pairwise_fn : detail::operator_fn<pairwise_fn> {
    template <class S>
    using pipeline = pairwise_stream<S>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = std::copy_constructible<T>;
        static_assert(ok, "weir::pairwise(): an item is in two pairs, and these items cannot be copied");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::pairwise() keeps items, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return ok && kept;
    }
};

/// pairwise(): each item with the one before it. A stream of fewer than two items has no pairs.
///
///     in          --a--b-----c-----d--|
///     pairwise()  -----(ab)--(bc)--(cd)--|
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: one copy per item; one item held.
/// See: scan, chunk.
inline constexpr pairwise_fn pairwise{};

} // namespace weir

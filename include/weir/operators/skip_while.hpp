// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream from the first for which a predicate does not hold.
template <stream S, class Drop>
class [[nodiscard("add a sink and co_await it")]] skip_while_stream
    : public detail::selection<skip_while_stream<S, Drop>, S, Drop> {
public:
    skip_while_stream(S upstream, Drop drop)
        : skip_while_stream::selection(std::move(upstream)), drop_(std::move(drop)) {}

    bool selects(const item_t<S>& item) {
        if (skipping_) skipping_ = std::invoke(drop_, item);
        return !skipping_;
    }

private:
    [[no_unique_address]] Drop drop_;
    bool skipping_ = true;
};

struct skip_while_fn : detail::operator_fn<skip_while_fn> {
    template <class S, class Drop>
    using pipeline = skip_while_stream<S, Drop>;

    template <class T, class Drop>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Drop&, const T&>;
        static_assert(ok, "weir::skip_while(drop): drop cannot be called with an item, or does not return a bool");
        return ok;
    }
};

/// skip_while(drop): all items from the first for which drop returns false; drop is not called after that.
///
///     in               --1--2--3--1--|
///     skip_while(x<3)  --------3--1--|
///
/// Ends: with upstream. Errors: upstream's, and what drop throws.
/// Cost: no allocation; no item held.
/// See: skip, take_while, filter.
inline constexpr skip_while_fn skip_while{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream for which a predicate holds.
template <stream S, class Keep>
class [[nodiscard("add a sink and co_await it")]] filter_stream
    : public detail::selection<filter_stream<S, Keep>, S, Keep> {
public:
    filter_stream(S upstream, Keep keep) : filter_stream::selection(std::move(upstream)), keep_(std::move(keep)) {}

    bool selects(const item_t<S>& item) { return std::invoke(keep_, item); }

private:
    [[no_unique_address]] Keep keep_;
};

struct filter_fn : detail::operator_fn<filter_fn> {
    template <class S, class Keep>
    using pipeline = filter_stream<S, Keep>;

    template <class T, class Keep>
    static consteval bool accepts() {
        constexpr bool awaited = detail::returns_operation<Keep&, const T&>;
        static_assert(!awaited, "weir::filter(keep): keep returns a task or another operation, and not a bool; write "
                                "filter_async(n, keep)");
        constexpr bool ok = std::predicate<Keep&, const T&> || awaited;
        static_assert(ok, "weir::filter(keep): keep cannot be called with an item, or does not return a bool");
        return ok && !awaited;
    }
};

/// filter(keep): the items for which keep returns true.
///
///     in           --1--2--3--4--|
///     filter(odd)  --1-----3-----|
///
/// Ends: with upstream. Errors: upstream's, and what keep throws.
/// Cost: no allocation; no item held.
/// See: filter_map, take_while, skip_while.
inline constexpr filter_fn filter{};

} // namespace weir

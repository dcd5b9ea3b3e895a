// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream, each shown to a function on its way.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] inspect_stream
    : public detail::selection<inspect_stream<S, F>, S, F> {
public:
    inspect_stream(S upstream, F f) : inspect_stream::selection(std::move(upstream)), f_(std::move(f)) {}

    bool selects(const item_t<S>& item) { return static_cast<void>(std::invoke(f_, item)), true; }

private:
    [[no_unique_address]] F f_;
};

struct inspect_fn : detail::operator_fn<inspect_fn> {
    template <class S, class F>
    using pipeline = inspect_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool called = std::invocable<F&, const T&>;
        static_assert(called, "weir::inspect(f): f cannot be called with a const item");
        constexpr bool vanishes = detail::returns_work<F&, const T&>;
        static_assert(!vanishes, "weir::inspect(f): f returns an operation or a stream, and nothing would await it; "
                                 "map_async(n, f) and for_each(f) await an operation");
        return called && !vanishes;
    }
};

/// inspect(f): calls f with each item, which passes on unchanged.
///
///     in              --1--2--3--|
///     inspect(print)  --1--2--3--|
///
/// Ends: with upstream. Errors: upstream's, and what f throws.
/// Cost: no allocation; no item held.
/// See: map, for_each.
inline constexpr inspect_fn inspect{};

} // namespace weir

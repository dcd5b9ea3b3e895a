// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The results of a function, called with each item of an upstream.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] map_stream : public detail::one_to_one<map_stream<S, F>, S, F> {
public:
    using value_type = std::remove_cvref_t<std::invoke_result_t<F&, item_t<S>>>;

    map_stream(S upstream, F f) : map_stream::one_to_one(std::move(upstream)), f_(std::move(f)) {}

    decltype(auto) pass(item_t<S>&& item) { return std::invoke(f_, std::move(item)); }

private:
    [[no_unique_address]] F f_;
};

struct map_fn : detail::operator_fn<map_fn> {
    template <class S, class F>
    using pipeline = map_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = detail::gives_object<F&, T>;
        static_assert(ok, "weir::map(f): f cannot be called with an item, or returns nothing");
        return ok;
    }
};

/// map(f): f(a) for each item a.
///
///     in        --1--2--3--|
///     map(x*2)  --2--4--6--|
///
/// Ends: with upstream. Errors: upstream's, and what f throws.
/// Cost: no allocation; no item held.
/// See: filter_map, map_async, scan.
inline constexpr map_fn map{};

} // namespace weir

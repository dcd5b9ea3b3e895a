// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/optional.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The values of the non-empty optionals that a function returns for the items of an upstream.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] filter_map_stream
    : public detail::one_to_optional<filter_map_stream<S, F>, S, F> {
public:
    using value_type = detail::optional_item_t<F&, item_t<S>>;

    filter_map_stream(S upstream, F f) : filter_map_stream::one_to_optional(std::move(upstream)), f_(std::move(f)) {}

    decltype(auto) pass(item_t<S>&& item) { return std::invoke(f_, std::move(item)); }

private:
    [[no_unique_address]] F f_;
};

struct filter_map_fn : detail::operator_fn<filter_map_fn> {
    template <class S, class F>
    using pipeline = filter_map_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = detail::gives_optional<F&, T>;
        static_assert(ok, "weir::filter_map(f): f cannot be called with an item, or does not return a std::optional");
        return ok;
    }
};

/// filter_map(f): the value of the std::optional that f returns for an item; an item for which f returns std::nullopt
/// is left out.
///
///     in                   --1--x--3--|
///     filter_map(to_int)   --1-----3--|
///
/// Ends: with upstream. Errors: upstream's, and what f throws.
/// Cost: no allocation; no item held.
/// See: map, filter.
inline constexpr filter_map_fn filter_map{};

} // namespace weir

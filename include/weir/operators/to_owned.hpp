// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The items of an upstream, each as a copy that owns its memory.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] to_owned_stream : public detail::one_to_one<to_owned_stream<S>, S> {
public:
    using value_type = detail::owned_t<item_t<S>>;

    template <std::same_as<S> Upstream>
    explicit to_owned_stream(Upstream upstream) : to_owned_stream::one_to_one(std::move(upstream)) {}

    decltype(auto) pass(item_t<S>&& item) { return owned<item_t<S>>::copy(std::move(item)); }
};

struct to_owned_fn : detail::operator_fn<to_owned_fn> {
    template <class S>
    using pipeline = to_owned_stream<S>;

    template <class T>
    static consteval bool accepts() {
        constexpr bool ok = detail::ownable<T>;
        static_assert(ok, "weir::to_owned(): weir::owned<T> does not say how an item is copied; specialise it");
        return ok;
    }
};

/// to_owned(): each item as a copy that owns its memory, and may be kept or sent to another thread.
///
///     in          --a--b--c--|
///     to_owned()  --A--B--C--|
///
///     weir::lines("access.log") | weir::to_owned() | weir::publish_on(rt[1], 256) | weir::for_each(store)
///
/// `bytes` and std::string_view become std::string, std::span<const T> becomes std::vector<T>, also within a pair, a
/// tuple, an optional or a vector. Other items stay as they are. For a type of your own specialise `weir::owned`.
///
/// Ends: with upstream. Errors: upstream's, and what the copy throws.
/// See: outlives, publish_on, buffer.
inline constexpr to_owned_fn to_owned{};

} // namespace weir

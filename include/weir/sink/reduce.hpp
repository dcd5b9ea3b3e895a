// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T, class F>
class reduce_all {
public:
    using result_type = std::optional<T>;
    static constexpr held_bound held{.items = 1, .in_user_code = 1};
    static constexpr bool may_stop = may_drop<F>;

    explicit reduce_all(F f) : f_(std::move(f)) {}

    bool add(T&& item) {
        if (state_) {
            *state_ = std::invoke(f_, std::move(*state_), std::move(item));
        } else {
            state_.emplace(std::move(item));
        }
        return true;
    }
    std::optional<T> finish() { return std::move(state_); }

private:
    std::optional<T> state_;
    [[no_unique_address]] F f_;
};

} // namespace detail

struct reduce_fn : detail::operator_fn<reduce_fn> {
    template <class S, class F>
    using pipeline = detail::accumulating_sink<S, detail::reduce_all<item_t<S>, F>>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = detail::gives_assignable<T, F&, T, T>;
        static_assert(ok, "weir::reduce(f): f cannot be called with two items, or does not return an item; write "
                          "fold(init, f) for a state of another type");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept,
                      "weir::reduce(f) keeps an item, and these borrow their memory; put to_owned() before it, or "
                      "outlives(view) around what outlives it");
        return ok && kept;
    }
};

/// reduce(f): f(f(f(a, b), c), d) for the items a, b, c, d. The result is the item itself for a stream of one item, and
/// std::nullopt for a stream without items.
///
///     const std::optional<int> sum = co_await (numbers() | weir::reduce(std::plus{}));
///
/// Errors: upstream's, and what f throws; the item held is destroyed.
/// Cost: no allocation; one item held.
/// See: fold for a state of another type, min, max.
inline constexpr reduce_fn reduce{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T, class State, class F>
class fold_all {
public:
    using result_type = State;
    static constexpr held_bound held{.in_user_code = 1};
    static constexpr bool may_stop = may_drop<F>;

    fold_all(State init, F f) : state_(std::move(init)), f_(std::move(f)) {}

    bool add(T&& item) {
        state_ = std::invoke(f_, std::move(state_), std::move(item));
        return true;
    }
    State finish() { return std::move(state_); }

private:
    State state_;
    [[no_unique_address]] F f_;
};

} // namespace detail

struct fold_fn : detail::operator_fn<fold_fn> {
    template <class S, class State, class F>
    using pipeline = detail::accumulating_sink<S, detail::fold_all<item_t<S>, State, F>>;

    template <class T, class State, class F>
    static consteval bool accepts() {
        constexpr bool called = std::invocable<F&, State, T>;
        static_assert(called, "weir::fold(init, f): f cannot be called with a state and an item");
        if constexpr (called) {
            constexpr bool ok = std::assignable_from<State&, std::invoke_result_t<F&, State, T>>;
            static_assert(ok, "weir::fold(init, f): what f returns is not a state, which has the type of init");
            return ok;
        }
        return false;
    }
};

/// fold(init, f): state = f(state, item) for each item, starting with init; the result is the last state.
///
///     const int sum = co_await (numbers() | weir::fold(0, std::plus{}));
///
/// The state has the type of init. It is moved, not copied.
///
/// Errors: upstream's, and what f throws; the state is destroyed.
/// Cost: no allocation.
/// See: scan, to, count.
inline constexpr fold_fn fold{};

} // namespace weir

#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T, class State, class F>
class fold_all {
public:
    using result_type = State;

    fold_all(State init, F f) : state_{std::move(init)}, f_{std::move(f)} {}

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

struct fold_fn : operator_needs_its_arguments_in_parentheses {
    template <class State, class F>
    constexpr auto operator()(State init, F f) const {
        return closure{[init = std::move(init), f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::fold(init, f): what is left of | is not a stream");
            } else if constexpr (!std::invocable<F&, State, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::fold(init, f): f cannot be called with a state and an item");
            } else if constexpr (!std::assignable_from<State&, std::invoke_result_t<F&, State, item_t<S>>>) {
                static_assert(detail::always_false<S>,
                              "weir::fold(init, f): what f gives is not a state, which has the type of init");
            } else {
                using accumulator = detail::fold_all<item_t<S>, State, F>;
                return detail::accumulating_sink<S, accumulator>{std::move(upstream),
                                                                 accumulator{std::move(init), std::move(f)}};
            }
        }};
    }
};

/// fold(init, f): state = f(state, item) for each item, beginning with init; the result is the last state.
///
///     const int sum = co_await (numbers() | weir::fold(0, std::plus{}));
///
/// Fails with its upstream and with f. The state is moved, not copied, and has the type of init.
inline constexpr fold_fn fold{};

} // namespace weir

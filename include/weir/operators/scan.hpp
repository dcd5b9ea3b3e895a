#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The states that a function goes through as it takes in the items of an upstream.
template <stream S, class State, class F>
class scan_stream {
public:
    using value_type = State;

    scan_stream(S upstream, State init, F f)
        : upstream_{std::move(upstream)}, state_{std::move(init)}, f_{std::move(f)} {}

    poll<State> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (!item.is_item()) return item.template no_item<State>();
        state_ = std::invoke(f_, std::move(state_), *std::move(item));
        return poll<State>{state_};
    }

private:
    S upstream_;
    State state_;
    [[no_unique_address]] F f_;
};

struct scan_fn : operator_needs_its_arguments_in_parentheses {
    template <class State, class F>
    constexpr auto operator()(State init, F f) const {
        return closure{[init = std::move(init), f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::scan(init, f): what is left of | is not a stream");
            } else if constexpr (!std::copy_constructible<State>) {
                static_assert(detail::always_false<S>,
                              "weir::scan(init, f): the state is copied for each item, and init cannot be");
            } else if constexpr (!std::invocable<F&, State, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::scan(init, f): f cannot be called with a state and an item");
            } else if constexpr (!std::assignable_from<State&, std::invoke_result_t<F&, State, item_t<S>>>) {
                static_assert(detail::always_false<S>,
                              "weir::scan(init, f): what f gives is not a state, which has the type of init");
            } else {
                return scan_stream<S, State, F>{std::move(upstream), std::move(init), std::move(f)};
            }
        }};
    }
};

/// scan(init, f): state = f(state, item), beginning with init; each new state comes out, as of std::partial_sum. The
/// seed itself does not.
///
///     in             --1--2--3--|
///     scan(0, plus)  --1--3--6--|
///
/// Ends and fails with its upstream. An exception from f ends the stream. One copy of the state an item.
inline constexpr scan_fn scan{};

} // namespace weir

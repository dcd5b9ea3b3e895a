// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The successive states of a fold over the items of an upstream.
template <stream S, class State, class F>
class [[nodiscard("add a sink and co_await it")]] scan_stream
    : public detail::one_to_one<scan_stream<S, State, F>, S, F> {
public:
    using value_type = State;

    scan_stream(S upstream, State init, F f)
        : scan_stream::one_to_one(std::move(upstream)), state_(std::move(init)), f_(std::move(f)) {}

    const State& pass(item_t<S>&& item) { return state_ = std::invoke(f_, std::move(state_), std::move(item)); }

private:
    State state_;
    [[no_unique_address]] F f_;
};

struct scan_fn : detail::operator_fn<scan_fn> {
    template <class S, class State, class F>
    using pipeline = scan_stream<S, State, F>;

    template <class T, class State, class F>
    static consteval bool accepts() {
        constexpr bool ok = std::copy_constructible<State> && detail::gives_assignable<State, F&, State, T>;
        static_assert(ok,
                      "weir::scan(init, f): f(state, item) must return a state, of init's type, which can be copied");
        return ok;
    }
};

/// scan(init, f): state = f(state, item) for each item, starting with init; emits each new state, as
/// std::partial_sum. The initial state is not emitted.
///
///     in             --1--2--3--|
///     scan(0, plus)  --1--3--6--|
///
/// Ends: with upstream. Errors: upstream's, and what f throws.
/// Cost: no allocation; one copy of the state per item.
/// See: fold, enumerate, pairwise.
inline constexpr scan_fn scan{};

} // namespace weir

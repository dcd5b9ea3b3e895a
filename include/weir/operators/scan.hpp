#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>

namespace weir {

/// The successive states of a fold over the items of an upstream.
template <stream S, class State, class F>
class [[nodiscard("end the pipeline with a sink and co_await it")]] scan_stream
    : public detail::one_to_one<scan_stream<S, State, F>, S> {
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
        constexpr bool copied = std::copy_constructible<State>;
        static_assert(copied, "weir::scan(init, f): the state is copied for each item, and init cannot be");
        constexpr bool called = std::invocable<F&, State, T>;
        static_assert(called, "weir::scan(init, f): f cannot be called with a state and an item");
        if constexpr (called) {
            constexpr bool state = std::assignable_from<State&, std::invoke_result_t<F&, State, T>>;
            static_assert(state, "weir::scan(init, f): what f returns is not a state, which has the type of init");
            return copied && state;
        }
        return false;
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

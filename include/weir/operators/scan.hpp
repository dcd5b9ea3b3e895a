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

    void outline(stage_outline& out) const {
        out.holds({.in_user_code = 1});
        scan_stream::one_to_one::outline(out);
    }

private:
    State state_;
    [[no_unique_address]] F f_;
};

/// The same, with the first item as the first state.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] scan_items_stream
    : public detail::one_to_one<scan_items_stream<S, F>, S, F> {
public:
    using value_type = item_t<S>;

    scan_items_stream(S upstream, F f) : scan_items_stream::one_to_one(std::move(upstream)), f_(std::move(f)) {}

    const value_type& pass(value_type&& item) {
        if (!state_) return state_.emplace(std::move(item));
        return *state_ = std::invoke(f_, *std::move(state_), std::move(item));
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .in_user_code = 1});
        scan_items_stream::one_to_one::outline(out);
    }

private:
    std::optional<value_type> state_;
    [[no_unique_address]] F f_;
};

namespace detail {

template <class S, class... Args>
struct scan_pipeline;
template <class S, class State, class F>
struct scan_pipeline<S, State, F> : std::type_identity<scan_stream<S, State, F>> {};
template <class S, class F>
struct scan_pipeline<S, F> : std::type_identity<scan_items_stream<S, F>> {};

} // namespace detail

struct scan_fn : detail::operator_fn<scan_fn> {
    template <class S, class... Args>
    using pipeline = typename detail::scan_pipeline<S, Args...>::type;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = std::copy_constructible<T> && detail::gives_assignable<T, F&, T, T>;
        static_assert(ok, "weir::scan(f): f(state, item) must return a state, of the items' type, which can be copied");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::scan(f) keeps an item, and these borrow their memory; put to_owned() before it, or "
                            "outlives(view) around what outlives it");
        return ok && kept;
    }

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
/// scan(f): the same with the first item as the first state, which is emitted.
///
///     in             --1--2--3--|
///     scan(0, plus)  --1--3--6--|
///     scan(max)      --1--2--3--|
///
/// Ends: with upstream. Errors: upstream's, and what f throws.
/// Cost: no allocation; one copy of the state per item.
/// See: fold, reduce, enumerate, pairwise.
inline constexpr scan_fn scan{};

} // namespace weir

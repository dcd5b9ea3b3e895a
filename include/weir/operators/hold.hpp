// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/one_to_one.hpp>
#include <weir/sync/state.hpp>

namespace weir {

namespace detail {

/// The type of the value of a state; void for another type.
template <class T>
struct value_of_state {
    using type = void;
};
template <class V>
struct value_of_state<state<V>> {
    using type = V;
};

} // namespace detail

/// The items of an upstream, the newest of which is the value of a state.
template <stream S, class V>
class [[nodiscard("add a sink and co_await it")]] hold_stream
    : public detail::one_to_one<hold_stream<S, V>, S, state<V>> {
public:
    using value_type = item_t<S>;

    hold_stream(S upstream, state<V> newest)
        : hold_stream::one_to_one(std::move(upstream)), newest_{std::move(newest)} {}

    value_type pass(value_type&& item) {
        newest_.set(V(std::as_const(item)));
        return std::move(item);
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        hold_stream::one_to_one::outline(out);
    }

private:
    state<V> newest_;
};

struct hold_fn : detail::operator_fn<hold_fn> {
    template <class S, class State>
    using pipeline = hold_stream<S, typename detail::value_of_state<State>::type>;

    template <class T, class State>
    static consteval bool accepts() {
        using value = typename detail::value_of_state<State>::type;
        if constexpr (std::is_void_v<value>) {
            static_assert(!std::is_void_v<value>,
                          "weir::hold(state): takes a weir::state, which keeps the newest item");
            return false;
        } else {
            constexpr bool set = std::constructible_from<value, const T&>;
            static_assert(set, "weir::hold(state): the value of the state cannot be constructed from an item, or the "
                               "items cannot be copied");
            return set;
        }
    }
};

/// hold(state): the items, unchanged. A copy of the newest is the value of the state, where other tasks on the executor
/// read and watch it.
///
///     in             --a--b----c--|
///     hold(current)  --a--b----c--|
///     current        o-a--b----c---     where o is its value before
///
///     weir::state<price> current{opening};
///     auto feeding = ex.spawn(feed() | weir::hold(current) | weir::drain());
///     auto showing = ex.spawn(current.watch() | weir::for_each(show));
///
/// The state is set before the item is handed on. The state belongs to the stream as well as to others that have a copy
/// of it: watchers see the end when the last copy is destroyed.
///
/// Ends: with upstream. Errors: upstream's, and what copying an item throws.
/// Threads: the state belongs to the executor that runs the stream.
/// Cost: one copy per item.
/// See: state, share, inspect.
inline constexpr hold_fn hold{};

} // namespace weir

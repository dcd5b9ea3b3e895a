// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/sync/state.hpp>

namespace weir {

/// The items of an upstream, which is polled while a state is true.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] valve_stream {
public:
    using value_type = item_t<S>;

    valve_stream(S upstream, state<bool> open)
        : upstream_(std::move(upstream)), open_{std::move(open)}, changes_{open_.watch()} {}

    poll<value_type> poll_next(context& cx) {
        if (!open_.get() && closed(cx)) return pending;
        return upstream_.poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!open_.get() && closed(cx)) return flow::pending;
        bool wanted = true;
        auto pass_on = [&](value_type&& item) {
            wanted = consume(std::move(item));
            return wanted && open_.get();
        };
        const flow answer = weir::poll_each(upstream_, cx, pass_on);
        if (answer != flow::stopped || !wanted) return answer;
        return closed(cx) ? flow::pending : detail::yield_loop(cx);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    /// Waits for the state to become true. Returns false when it is.
    bool closed(context& cx) {
        while (!open_.get()) {
            if (changes_.poll_next(cx).is_pending()) return true;
        }
        return false;
    }

    S upstream_;
    state<bool> open_;
    state_stream<bool> changes_;
};

struct valve_fn : detail::operator_fn<valve_fn> {
    template <class S, class Open>
    using pipeline = valve_stream<S>;

    template <class T, class Open>
    static consteval bool accepts() {
        constexpr bool is_state = std::same_as<Open, state<bool>>;
        static_assert(is_state, "weir::valve(open): takes a weir::state<bool>, which is true while items may pass");
        return is_state;
    }
};

/// valve(open): the items, while the state `open` is true. While it is false, upstream is not polled.
///
///     weir::state<bool> open{true};
///     auto copying = ex.spawn(changes() | weir::valve(open) | weir::for_each(copy));
///     open.set(false); // pauses
///
///     in           --a--b--c--d--|
///     open         t---f----t------
///     valve(open)  --a------b-cd-|
///
/// Nothing is lost: an item that arrives meanwhile waits in upstream, and so do the end and an error. An item that was
/// handed on before the state became false is not taken back. Several streams may have one state.
///
/// Ends: with upstream. Errors: upstream's.
/// Threads: the state belongs to the executor that runs the stream.
/// Cost: no allocation; nothing held.
/// See: take_until, pace, state.
inline constexpr valve_fn valve{};

} // namespace weir

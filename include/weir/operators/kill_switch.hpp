// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/sync/state.hpp>

namespace weir {

/// What a kill_switch does.
enum class kill : std::uint8_t {
    none,  ///< nothing: items pass
    drain, ///< the stream ends, so that what is behind it finishes with the items that it has
    stop,  ///< the stream fails with `killed`, so that what is behind it is dropped
};

/// The error of a stream that kill::stop has ended.
class killed : public std::runtime_error {
public:
    killed() : std::runtime_error{"weir::kill_switch: stopped"} {}
};

/// The items of an upstream until a state says otherwise.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] kill_switch_stream {
public:
    using value_type = item_t<S>;

    kill_switch_stream(S upstream, state<kill> control)
        : upstream_(std::move(upstream)), control_{std::move(control)}, changes_{control_.watch()} {}

    poll<value_type> poll_next(context& cx) {
        if (control_.get() != kill::none) return finish();
        auto item = upstream_->poll_next(cx);
        if (item.is_pending() && !cx.stopping() && changed(cx)) return finish();
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        bool wanted = true;
        if (control_.get() == kill::none) {
            auto pass_on = [&](value_type&& item) {
                wanted = consume(std::move(item));
                return wanted && control_.get() == kill::none;
            };
            const flow answer = weir::poll_each(*upstream_, cx, pass_on);
            if (answer == flow::done || !wanted) return answer;
            if (answer == flow::pending && (cx.stopping() || !changed(cx))) return answer;
        }
        finish();
        return flow::done;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    /// Waits for a change. Returns true when the stream is to end.
    bool changed(context& cx) {
        while (control_.get() == kill::none) {
            if (changes_.poll_next(cx).is_pending()) return false;
        }
        return true;
    }

    done_t finish() {
        const bool fails = control_.get() == kill::stop;
        upstream_.reset();
        if (fails) throw killed{};
        return done;
    }

    detail::resettable<S> upstream_; // until the end
    state<kill> control_;
    state_stream<kill> changes_;
};

struct kill_switch_fn : detail::operator_fn<kill_switch_fn> {
    template <class S, class Control>
    using pipeline = kill_switch_stream<S>;

    template <class T, class Control>
    static consteval bool accepts() {
        constexpr bool is_state = std::same_as<Control, state<kill>>;
        static_assert(is_state,
                      "weir::kill_switch(control): takes a weir::state<weir::kill>, which says when the stream "
                      "ends");
        return is_state;
    }
};

/// kill_switch(control): the items, until the state `control` is kill::drain or kill::stop.
///
///     weir::state control{weir::kill::none};
///     auto importing = ex.spawn(records() | weir::kill_switch(control) | weir::map_async(8, store) | weir::drain());
///     control.set(weir::kill::drain); // reads no more; what was read is stored
///
///     in                    --a--b--c--d--|
///     control               -------D
///     kill_switch(control)  --a--b-|          with kill::stop: --a--b-#
///
/// The state is looked at before upstream is polled, so that no item is taken after its change. Several streams may
/// have one state; a stream that starts later ends at once.
///
/// Ends: with upstream, and with kill::drain. Errors: upstream's, and `killed` with kill::stop. Upstream is destroyed
/// before either is seen.
/// Threads: the state belongs to the executor that runs the stream.
/// Cost: no allocation; nothing held.
/// See: valve, take_until, stop_scope.
inline constexpr kill_switch_fn kill_switch{};

} // namespace weir

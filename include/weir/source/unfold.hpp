// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/optional.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

/// The stream of the values that a function derives from a state.
template <class State, class F>
class [[nodiscard("add a sink and co_await it")]] unfold_stream {
public:
    using value_type = detail::optional_item_t<F&, State&>;

    unfold_stream(State seed, F f) : state_(std::move(seed)), f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        checker_.check();
        auto item = checker_.checked([this]() -> poll<value_type> {
            if (auto&& made = std::invoke(f_, state_)) return poll<value_type>(*std::forward<decltype(made)>(made));
            return done;
        });
        if constexpr (detail::may_drop<F>) {
            if (cx.stopping()) [[unlikely]]
                item = poll<value_type>(cx.yield());
        }
        return item;
    }

    void outline(stage_outline& out) const { out.holds({.in_user_code = 1}); }

private:
    State state_;
    [[no_unique_address]] F f_;
    detail::poll_checker checker_;
};

struct unfold_fn {
    template <class State, class F>
    constexpr auto operator()(State seed, F f) const {
        if constexpr (!detail::gives_optional<F&, State&>) {
            static_assert(
                detail::always_false<F>,
                "weir::unfold(seed, f): f cannot be called with a State&, or does not return a std::optional");
        } else {
            return unfold_stream<State, F>{std::move(seed), std::move(f)};
        }
    }
};

/// unfold(seed, f): the values that f derives from a state. The state starts as seed, and f may change it. std::nullopt
/// ends the stream.
///
///     unfold(3, [](int& n) { return n == 0 ? std::nullopt : std::optional{n--}; })  321|
///
/// Ends: when f returns std::nullopt. Errors: exceptions of f.
/// Cost: no allocation.
/// See: generate, scan.
inline constexpr unfold_fn unfold{};

} // namespace weir

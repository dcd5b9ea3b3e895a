// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/sleep.hpp>

namespace weir {

/// The items of an upstream that is not polled before an operation has completed.
template <stream S, operation Start>
class [[nodiscard("add a sink and co_await it")]] delay_start_stream {
public:
    using value_type = item_t<S>;

    delay_start_stream(S upstream, Start start)
        : upstream_(std::move(upstream)), start_(std::in_place, std::move(start)) {}

    poll<value_type> poll_next(context& cx) {
        if (start_ && !started(cx)) return pending;
        return upstream_.poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (start_ && !started(cx)) return flow::pending;
        return weir::poll_each(upstream_, cx, consume);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    bool started(context& cx) {
        if (start_->poll_result(cx).is_pending()) return false;
        start_.reset();
        if (!cx.stopping()) [[likely]]
            return true;
        static_cast<void>(cx.yield());
        return false;
    }

    S upstream_;
    std::optional<Start> start_; // until it has completed
};

struct delay_start_fn : detail::operator_fn<delay_start_fn> {
    template <class S, class Start>
    using pipeline = delay_start_stream<S, Start>;

    template <class T, class Start>
    static consteval bool accepts() {
        constexpr bool ok = operation<Start>;
        static_assert(ok, "weir::delay_start(start): takes a duration, a task or another operation");
        return ok;
    }

    auto operator()(duration d) const {
        return with(sleep_for(detail::not_negative(d, "weir::delay_start(d): d is negative")));
    }
    template <class Start>
        requires(!std::convertible_to<Start, duration>)
    constexpr auto operator()(Start start) const {
        return with(std::move(start));
    }
};

/// delay_start(d): upstream is first polled when d has passed since the first poll. delay_start(operation): upstream is
/// first polled when the operation has completed.
///
///     in              a--b--c--|
///     delay_start(4)  ----a--b--c--|     a source that starts with its first poll
///
/// Ends: with upstream. Errors: upstream's, and the operation's.
/// Cost: no allocation; no item held.
/// See: delay, skip_until.
///
/// @throws std::invalid_argument when d is negative
inline constexpr delay_start_fn delay_start{};

} // namespace weir

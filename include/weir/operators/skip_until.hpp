// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/watched_signal.hpp>

namespace weir {

/// The items of an upstream from the arrival of a signal: the first item of another stream, or the result of an
/// operation.
template <stream S, class Signal>
class [[nodiscard("add a sink and co_await it")]] skip_until_stream {
public:
    using value_type = item_t<S>;

    skip_until_stream(S upstream, Signal signal) : upstream_(std::move(upstream)), signal_(std::move(signal)) {}

    poll<value_type> poll_next(context& cx) {
        while (skips(cx)) {
            {
                if (cx.stopping()) return cx.yield();
                auto skipped = upstream_.poll_next(cx);
                if (skipped.is_pending()) signal_.wait(cx);
                if (!skipped.is_item()) return skipped;
            }
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
        if (cx.stopping()) return cx.yield();
        return upstream_.poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        while (skips(cx)) {
            if (cx.stopping()) return detail::yield_loop(cx);
            bool interrupted = false;
            const auto skip_item = [&](value_type&&) { return !(interrupted = signal_.due()); };
            const flow answer = weir::poll_each(upstream_, cx, skip_item);
            if (answer == flow::pending) signal_.wait(cx);
            if (!interrupted) return answer;
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
        if (cx.stopping()) return detail::yield_loop(cx);
        return weir::poll_each(upstream_, cx, consume);
    }

    void outline(stage_outline& out) const {
        out.upstream(upstream_);
        signal_.outline(out);
    }

private:
    /// Whether the signal has not arrived, and can arrive.
    bool skips(context& cx) {
        if (!signal_) [[likely]]
            return false;
        if (!signal_.due() || signal_.ask(cx).is_pending()) return true;
        signal_.reset();
        return false;
    }

    S upstream_;
    detail::watched_signal<skip_until_stream, Signal> signal_; // until it has arrived
};

struct skip_until_fn : detail::operator_fn<skip_until_fn> {
    template <class S, class Signal>
    using pipeline = skip_until_stream<S, Signal>;

    template <class T, class Signal>
    static consteval bool accepts() {
        constexpr bool ok = stream<Signal> || operation<Signal>;
        static_assert(ok, "weir::skip_until(signal): the signal is a stream, a task or another operation");
        return ok;
    }
};

/// skip_until(signal): the items that arrive after the signal. Those before it are skipped.
///
///     in                  a--b--c--d--|
///     signal              ----s
///     skip_until(signal)  ------c--d--|
///
/// The signal is a stream (its first item), a task, `sleep_for(d)` or another operation (its result). It is polled
/// first and after each of its wakes, before upstream, so that no item is skipped after its arrival, and destroyed
/// when it has arrived. A stream that ends without an item counts as a signal. Upstream is asked for items from the
/// first poll on.
///
/// Ends: with upstream. Errors: upstream's, and the signal's.
/// Cost: no allocation; no item held. A skipped item costs one check of a flag.
/// See: skip_for, skip_while, take_until, delay_start.
inline constexpr skip_until_fn skip_until{};

} // namespace weir

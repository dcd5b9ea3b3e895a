// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/stop_token_watcher.hpp>
#include <weir/operators/detail/watched_signal.hpp>

namespace weir {

/// The items of an upstream until a signal arrives: the first item of another stream, or the result of an operation.
template <stream S, class Signal>
class [[nodiscard("add a sink and co_await it")]] take_until_stream {
public:
    using value_type = item_t<S>;

    take_until_stream(S upstream, Signal signal) : upstream_(std::move(upstream)), signal_(std::move(signal)) {}

    poll<value_type> poll_next(context& cx) {
        WEIR_ASSERT(upstream_.has_value(), "a stream was polled after its end");
        if (signal_.due()) {
            if (signalled(cx)) {
                stop();
                return done;
            }
            if (cx.stopping()) return cx.yield();
        }
        auto item = upstream_->poll_next(cx);
        if (item.is_pending()) {
            signal_.wait(cx);
        } else if (item.is_done()) {
            stop();
        }
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        WEIR_ASSERT(upstream_.has_value(), "a stream was polled after its end");
        while (!signal_.due() || !signalled(cx)) {
            if (cx.stopping()) return detail::yield_loop(cx);
            bool interrupted = false;
            const auto pass_on = [&](value_type&& item) {
                if (!consume(std::move(item))) return false;
                interrupted = signal_.due();
                return !interrupted;
            };
            const flow answer = weir::poll_each(*upstream_, cx, pass_on);
            if (answer == flow::done) break;
            if (answer == flow::pending) signal_.wait(cx);
            if (!interrupted) return answer;
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
        stop();
        return flow::done;
    }

    void outline(stage_outline& out) const {
        out.upstream(upstream_);
        signal_.outline(out);
    }

private:
    bool signalled(context& cx) {
        try {
            const auto arrived = signal_.ask(cx);
            if (arrived.is_done()) signal_.reset();
            return arrived.is_item();
        } catch (...) {
            stop();
            throw;
        }
    }

    void stop() noexcept {
        upstream_.reset();
        signal_.reset();
    }

    detail::resettable<S> upstream_;
    detail::watched_signal<take_until_stream, Signal> signal_;
};

/// The items of an upstream until a stop is requested.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] take_until_stopped_stream {
public:
    using value_type = item_t<S>;

    take_until_stopped_stream(S upstream, std::stop_token token)
        : upstream_(std::move(upstream)), stop_{std::move(token)} {}

    poll<value_type> poll_next(context& cx) {
        WEIR_ASSERT(upstream_.has_value(), "a stream was polled after its end");
        if (stop_.stop_requested()) {
            upstream_.reset();
            return done;
        }
        auto item = upstream_->poll_next(cx);
        if (item.is_pending()) stop_.wait(cx);
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        WEIR_ASSERT(upstream_.has_value(), "a stream was polled after its end");
        bool ended = stop_.stop_requested();
        if (!ended) {
            const auto pass_on = [&](value_type&& item) {
                if (!consume(std::move(item))) return false;
                ended = stop_.stop_requested();
                return !ended;
            };
            const flow answer = weir::poll_each(*upstream_, cx, pass_on);
            if (answer == flow::pending) stop_.wait(cx);
            if (!ended) return answer;
            if (cx.leaving()) return detail::yield_loop(cx);
        }
        upstream_.reset();
        return flow::done;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    detail::resettable<S> upstream_;
    detail::stop_token_watcher stop_;
};

namespace detail {

template <class S, class Signal>
struct take_until : std::type_identity<take_until_stream<S, Signal>> {};
template <class S>
struct take_until<S, std::stop_token> : std::type_identity<take_until_stopped_stream<S>> {};

} // namespace detail

struct take_until_fn : detail::operator_fn<take_until_fn> {
    template <class S, class Signal>
    using pipeline = typename detail::take_until<S, Signal>::type;

    template <class T, class Signal>
    static consteval bool accepts() {
        constexpr bool ok = stream<Signal> || operation<Signal> || std::same_as<Signal, std::stop_token>;
        static_assert(ok, "weir::take_until(signal): the signal is a stream, a task or another operation, or a "
                          "std::stop_token");
        return ok;
    }
};

/// take_until(signal): the items until the signal arrives, then the end.
///
///     in                  a--b--c--d--|
///     signal              -------s
///     take_until(signal)  a--b--c|
///
/// The signal is a stream (its first item), a task, `sleep_for(d)` or another operation (its result), or a
/// std::stop_token, which may be stopped on any thread. The signal is polled before upstream, so that no item is taken
/// after its arrival. When the signal ends without an item, or can no longer arrive, the stream continues.
///
/// Ends: when the signal arrives, or with upstream. Errors: upstream's, and the signal's.
/// Upstream and the signal are destroyed before either.
/// Cost: no allocation; no item held.
/// See: take_while, timeout, with_stop.
inline constexpr take_until_fn take_until{};

} // namespace weir

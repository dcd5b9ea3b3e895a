// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/ring_buffer.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The function object by which a function of handle() emits items. It must not be used after that function has
/// returned.
template <class U>
class item_output {
public:
    explicit item_output(detail::ring_buffer<U>& items) noexcept : items_{items} {}
    item_output(const item_output&) = delete;
    item_output& operator=(const item_output&) = delete;

    void operator()(U item) const { items_.push_back(std::move(item)); }

private:
    detail::ring_buffer<U>& items_;
};

namespace detail {

/// A function of an item and an output.
template <class F>
class item_handler {
public:
    explicit item_handler(F f) : f_(std::move(f)) {}

    template <class T, class U>
    void on_item(T&& item, const item_output<U>& output) {
        static_cast<void>(std::invoke(f_, std::forward<T>(item), output));
    }
    template <class U>
    void at_end(const item_output<U>&) const noexcept {}

private:
    [[no_unique_address]] F f_;
};

/// A function of a state, an item and an output, and one for the end.
template <class State, class F, class Flush>
class stateful_handler {
public:
    stateful_handler(State state, F f, Flush flush)
        : state_(std::move(state)), f_(std::move(f)), flush_(std::move(flush)) {}

    template <class T, class U>
    void on_item(T&& item, const item_output<U>& output) {
        static_cast<void>(std::invoke(f_, state_, std::forward<T>(item), output));
    }
    template <class U>
    void at_end(const item_output<U>& output) {
        static_cast<void>(std::invoke(flush_, state_, output));
    }

private:
    State state_;
    [[no_unique_address]] F f_;
    [[no_unique_address]] Flush flush_;
};

} // namespace detail

/// The items that functions emit for the items and the end of an upstream.
template <stream S, class U, class Handler>
class [[nodiscard("add a sink and co_await it")]] handle_stream {
public:
    using value_type = U;

    handle_stream(S upstream, Handler handler) : handler_(std::move(handler)), upstream_(std::move(upstream)) {}

    poll<U> poll_next(context& cx) {
        while (emitted_.empty()) {
            if (!upstream_) {
                rethrow_error();
                return done;
            }
            {
                auto item = upstream_->poll_next(cx);
                if (item.is_pending()) return pending;
                if (cx.stopping()) return cx.yield();
                if (item.is_item()) call(*std::move(item));
                if (!proceed(item.is_done(), cx)) return cx.yield();
            }
            if (emitted_.empty() && (!cx.spend() || cx.leaving())) return cx.yield();
        }
        return poll<U>(emitted_.pop_front());
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        for (;;) {
            while (!emitted_.empty()) {
                if (!consume(emitted_.pop_front())) return flow::stopped;
                if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
            }
            if (!upstream_) {
                rethrow_error();
                return flow::done;
            }
            bool wanted = true;
            const auto pass_on = [&](item_t<S>&& item) {
                call(std::move(item));
                if (cx.stopping()) return true; // poll_each_unless_dropped ends the loop
                if (error_ != nullptr || emitted_.size() > 1) return false;
                if (!emitted_.empty()) wanted = consume(emitted_.pop_front());
                return wanted;
            };
            const flow answer = detail::poll_each_unless_dropped<true>(*upstream_, cx, pass_on);
            if (answer == flow::pending || !wanted) return answer;
            if (!proceed(answer == flow::done, cx)) return detail::yield_loop(cx);
        }
    }

    void outline(stage_outline& out) const {
        out.holds({.items = held_bound::any_number, .in_user_code = 1});
        out.upstream(upstream_);
    }

private:
    void call(item_t<S>&& item) noexcept {
        try {
            handler_.on_item(std::move(item), item_output<U>{emitted_});
        } catch (...) {
            error_ = std::current_exception();
        }
    }
    /// Destroys upstream after its end, which the handler then sees, or after an error of the handler. Returns false
    /// when something that was called has dropped what runs.
    bool proceed(bool ended, context& cx) noexcept {
        if (ended || error_ != nullptr) upstream_.reset();
        if (!ended || cx.stopping()) return !cx.stopping();
        try {
            handler_.at_end(item_output<U>{emitted_});
        } catch (...) {
            error_ = std::current_exception();
        }
        return !cx.stopping();
    }
    void rethrow_error() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
    }

    Handler handler_;
    detail::resettable<S> upstream_; // until its end, or that of the handler
    detail::ring_buffer<U> emitted_;
    std::exception_ptr error_; // of the handler
};

namespace detail {

template <class U>
struct handle_fn : operator_fn<handle_fn<U>> {
    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = std::invocable<F&, T, const item_output<U>&>;
        static_assert(ok, "weir::handle<U>(f): f cannot be called with an item and a function that emits a U: "
                          "f(item, emit)");
        if constexpr (ok) return does_not_vanish<std::invoke_result_t<F&, T, const item_output<U>&>>();
        return false;
    }

    template <class T, class State, class F, class Flush>
    static consteval bool accepts() {
        constexpr bool ok = std::invocable<F&, State&, T, const item_output<U>&>;
        static_assert(ok, "weir::handle<U>(state, f, flush): f cannot be called with the state, an item and a function "
                          "that emits a U: f(state, item, emit)");
        constexpr bool flushes = std::invocable<Flush&, State&, const item_output<U>&>;
        static_assert(flushes, "weir::handle<U>(state, f, flush): flush cannot be called with the state and a function "
                               "that emits a U: flush(state, emit)");
        if constexpr (ok)
            return flushes && does_not_vanish<std::invoke_result_t<F&, State&, T, const item_output<U>&>>();
        return false;
    }

    template <stream S, class F>
    static constexpr auto attach(S left, F f) {
        return handle_stream<S, U, item_handler<F>>(std::move(left), item_handler<F>(std::move(f)));
    }
    template <stream S, class State, class F, class Flush>
    static constexpr auto attach(S left, State state, F f, Flush flush) {
        using handler = stateful_handler<State, F, Flush>;
        return handle_stream<S, U, handler>(std::move(left), handler(std::move(state), std::move(f), std::move(flush)));
    }

    template <class F>
    constexpr auto operator()(F f) const {
        return this->with(std::move(f));
    }
    template <class State, class F, class Flush>
    constexpr auto operator()(State state, F f, Flush flush) const {
        return this->with(std::move(state), std::move(f), std::move(flush));
    }

private:
    template <class Result>
    static consteval bool does_not_vanish() {
        constexpr bool ok = !stream<Result> && !operation<Result>;
        static_assert(ok, "weir::handle<U>(f): f returns a stream or an operation, and nothing would run it; write "
                          "concat_map(f) or map_async(n, f)");
        return ok;
    }
};

} // namespace detail

/// handle<U>(f): calls f(item, emit) with each item; f calls emit(u) for each item to emit: none, one or many.
/// handle<U>(state, f, flush): calls f(state, item, emit), and at the end of upstream flush(state, emit), which emits
/// the items that the state still holds.
///
///     in         --1--2------3--|
///     handle     -----[12]------[3|]     f collects pairs, flush emits the rest
///
///     weir::handle<int>(0,
///         [](int& sum, int x, const auto& emit) { if ((sum += x) >= 100) emit(std::exchange(sum, 0)); },
///         [](int& sum, const auto& emit) { if (sum != 0) emit(sum); })
///
/// Upstream is polled for the next item when the consumer has taken all items that f has emitted.
///
/// Ends: with upstream, after the items that flush has emitted; upstream is destroyed before flush is called.
/// Errors: upstream's, without a call of flush; what f and flush throw, after the items that they have emitted.
/// Upstream is destroyed when f throws.
/// Cost: memory for the items that one call emits, allocated as needed and kept.
/// See: map_concat, filter_map, scan.
template <class U, class... Args>
constexpr auto handle(Args... args) {
    return detail::handle_fn<U>{}(std::move(args)...);
}

} // namespace weir

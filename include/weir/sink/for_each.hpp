// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T, class F>
class call_each {
public:
    using result_type = unit;
    static constexpr bool may_stop = may_drop<F>;

    explicit call_each(F f) : f_(std::move(f)) {}

    bool add(T&& item) {
        static_cast<void>(std::invoke(f_, std::move(item)));
        return true;
    }
    unit finish() const noexcept { return {}; }

private:
    [[no_unique_address]] F f_;
};

/// Awaits the operation that f returns for an item before it polls for the next item.
template <stream S, class F>
class await_each {
public:
    using result_type = unit;

    await_each(S upstream, F f) : upstream_(std::move(upstream)), f_(std::move(f)) {}

    poll<unit> poll_result(context& outer) {
        nested_context cx{outer};
        for (;;) {
            if (!running_) {
                auto item = upstream_.poll_next(cx);
                if (item.is_pending()) return pending;
                if (item.is_done()) return unit{};
                if (cx.stopping()) return cx.yield();
                item_.emplace(*std::move(item));
                running_.emplace(std::invoke(f_, std::move(*item_)));
                if (cx.stopping()) return cx.yield();
            }
            if (running_->poll_result(cx).is_pending()) return pending;
            running_.reset();
            item_.reset();
            if (!cx.spend() || cx.leaving()) return cx.yield();
        }
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        out.upstream(upstream_);
    }

private:
    S upstream_;
    [[no_unique_address]] F f_;     // must outlive the coroutines that it returns
    std::optional<item_t<S>> item_; // must outlive the operation, which may refer to it
    std::optional<std::invoke_result_t<F&, item_t<S>>> running_;
};

template <class S, class F>
struct for_each_sink {
    using type = accumulating_sink<S, call_each<item_t<S>, F>>;
};
template <class S, class F>
    requires returns_operation<F&, item_t<S>>
struct for_each_sink<S, F> {
    using type = sink<await_each<S, F>>;
};

} // namespace detail

struct for_each_fn : detail::operator_fn<for_each_fn> {
    template <class S, class F>
    using pipeline = typename detail::for_each_sink<S, F>::type;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool ok = std::invocable<F&, T>;
        static_assert(ok, "weir::for_each(f): f cannot be called with an item");
        constexpr bool vanishes = detail::gives_stream<F&, T>;
        static_assert(!vanishes, "weir::for_each(f): f returns a stream, and nothing would run it; end it with a sink, "
                                 "such as | drain(), or write concat_map(f) | drain()");
        return ok && !vanishes;
    }
};

/// for_each(f): calls f with each item. A task that f returns is awaited before the next item is polled for. It has no
/// result.
///
///     co_await (numbers() | weir::for_each(print));
///
/// An item exists until the task that f returned for it has ended, whether f takes T, const T& or T&&.
///
/// Errors: upstream's, what f throws, and those of f's tasks.
/// Dropped: destroys the running task and its item.
/// Cost: no allocation besides that of f's tasks; one item held.
/// See: drain, map_async.
inline constexpr for_each_fn for_each{};

} // namespace weir

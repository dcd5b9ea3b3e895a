#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

template <class T, class F>
class call_each {
public:
    using result_type = unit;

    explicit call_each(F f) : f_{std::move(f)} {}

    bool add(T&& item) {
        std::invoke(f_, std::move(item));
        return true;
    }
    unit finish() const noexcept { return {}; }

private:
    [[no_unique_address]] F f_;
};

/// One item, and then the operation that was made of it, at a time.
template <stream S, class F>
class await_each_sink {
public:
    using result_type = unit;

    await_each_sink(S upstream, F f) : upstream_{std::move(upstream)}, f_{std::move(f)} {}

    poll<unit> poll_result(context& outer) {
        nested_context cx{outer};
        for (;;) {
            if (!running_) {
                auto item = upstream_.poll_next(cx);
                if (item.is_pending()) return pending;
                if (item.is_done()) return unit{};
                running_.emplace(std::invoke(f_, *std::move(item)));
            }
            if (running_->poll_result(cx).is_pending()) return pending;
            running_.reset();
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    F f_;
    std::optional<std::invoke_result_t<F&, item_t<S>>> running_;
};

} // namespace detail

struct for_each_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f) const {
        return closure{[f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::for_each(f): what is left of | is not a stream");
            } else if constexpr (!std::invocable<F&, item_t<S>>) {
                static_assert(detail::always_false<S>, "weir::for_each(f): f cannot be called with an item");
            } else if constexpr (awaitable<std::invoke_result_t<F&, item_t<S>>>) {
                return detail::await_each_sink<S, F>{std::move(upstream), std::move(f)};
            } else {
                using accumulator = detail::call_each<item_t<S>, F>;
                return detail::accumulating_sink<S, accumulator>{std::move(upstream), accumulator{std::move(f)}};
            }
        }};
    }
};

/// for_each(f): calls f with each item. Where f gives a task, it is awaited before the next item is asked for.
///
///     co_await (numbers() | weir::for_each(print));
///
/// Has no result. Fails with its upstream, with f, and with f's task.
inline constexpr for_each_fn for_each{};

} // namespace weir

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
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream, and an item made of the last item whenever upstream has no item ready.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] extrapolate_stream {
public:
    using value_type = item_t<S>;

    extrapolate_stream(S upstream, F f) : upstream_(std::move(upstream)), f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (item.is_done() || cx.stopping()) return item;
        if (item.is_pending()) {
            if (!last_) return item;
            item = poll<value_type>(std::invoke(f_, std::as_const(*last_)));
            if (cx.stopping()) return cx.yield();
        }
        last_.emplace(std::as_const(*item));
        return item;
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        out.upstream(upstream_);
    }

private:
    S upstream_;
    std::optional<value_type> last_;
    [[no_unique_address]] F f_;
};

struct extrapolate_fn : detail::operator_fn<extrapolate_fn> {
    template <class S, class F>
    using pipeline = extrapolate_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool copied = std::copy_constructible<T>;
        static_assert(copied, "weir::extrapolate(f) keeps a copy of the last item, and these items cannot be copied");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::extrapolate(f) keeps an item, and these borrow their memory; put to_owned() before "
                            "it, or outlives(view) around what outlives it");
        constexpr bool made = [] {
            if constexpr (std::invocable<F&, const T&>) {
                return std::constructible_from<T, std::invoke_result_t<F&, const T&>>;
            }
            return false;
        }();
        static_assert(made, "weir::extrapolate(f): f cannot be called with the last item, or does not return an item");
        return copied && kept && made;
    }
};

/// extrapolate(f): the items, and f(last item) whenever the consumer asks and upstream has no item ready.
///
///     in                   --a-----b--|
///     consumer             asks every two ticks
///     extrapolate(repeat)  --a-a-a-b-b|
///
///     co_await (positions() | weir::extrapolate(&position::after_a_frame) | weir::pace(weir::rate{60})
///                           | weir::for_each(draw));
///
/// The last item is the item that was emitted last, whether f has made it or not. Before the first item of upstream the
/// consumer waits. From then on an item is always ready: the consumer sets the pace, and needs a limit of its own, such
/// as pace(rate).
///
/// Ends: with upstream. Errors: upstream's, and what f throws.
/// Cost: no allocation; a copy of each item; one item held.
/// See: conflate_with (a consumer that is slower), keep_alive, sample, hold.
inline constexpr extrapolate_fn extrapolate{};

} // namespace weir

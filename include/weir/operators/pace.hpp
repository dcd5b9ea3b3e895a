// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/gives_cost.hpp>
#include <weir/resilience/rate_limiter.hpp>

namespace weir {

namespace detail {

inline constexpr auto negative_cost = "weir::pace(rate, burst, cost): cost is negative";

/// A constant cost.
template <std::integral N>
struct same_cost {
    template <class T>
    N operator()(const T&) const noexcept {
        return cost;
    }

    N cost;
};

/// Converts a number, or a function that returns one, to a function.
template <class Cost>
constexpr auto cost_function(Cost cost) {
    if constexpr (std::integral<Cost>) {
        checked_count(cost, negative_cost);
        return same_cost<Cost>{cost};
    } else {
        return cost;
    }
}

/// Arguments for a limiter of the stream's own, and for a shared one.
struct own_limiter {
    using type = rate_limiter;
    operator rate_limiter&&() && noexcept { return std::move(limiter); }

    rate_limiter limiter;
};
struct shared_limiter {
    using type = rate_limiter&;
    operator rate_limiter&() const noexcept { return *limiter; }

    rate_limiter* limiter;
};

} // namespace detail

/// Items of an upstream, no faster than a rate limiter lets them through.
/// @tparam Limiter  a limiter of its own, or a reference to a shared one
template <stream S, class Limiter, class Cost>
class [[nodiscard("add a sink and co_await it")]] pace_stream {
public:
    using value_type = item_t<S>;

    pace_stream(S upstream, Limiter limiter, Cost cost)
        : upstream_(std::move(upstream)), limiter_(std::forward<Limiter>(limiter)), cost_(std::move(cost)) {}

    poll<value_type> poll_next(context& cx) {
        if (!held_) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item()) return item;
            if (cx.stopping()) return cx.yield();
            const auto cost = detail::checked_count(std::invoke(cost_, std::as_const(*item)), detail::negative_cost);
            if (cx.stopping()) return cx.yield();
            if (*limiter_.try_acquire(cost).poll_result(cx)) return item;
            held_.emplace(*std::move(item));
            turn_.emplace(limiter_.acquire(cost));
        }
        if (turn_->poll_result(cx).is_pending()) return pending;
        turn_.reset();
        poll<value_type> item(std::move(*held_));
        held_.reset();
        return item;
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        out.upstream(upstream_);
    }

private:
    S upstream_;
    Limiter limiter_;
    [[no_unique_address]] Cost cost_;
    std::optional<value_type> held_;
    std::optional<rate_limiter::acquire_operation> turn_; // for the held item
};

struct pace_fn : detail::operator_fn<pace_fn> {
    template <class S, class Limiter, class Cost>
    using pipeline = pace_stream<S, typename Limiter::type, Cost>;

    template <class T, class Limiter, class Cost>
    static consteval bool accepts() {
        constexpr bool ok = detail::gives_cost<Cost, T>;
        static_assert(ok, "weir::pace(rate, burst, cost): cost cannot be called with an item, or returns no number");
        return ok;
    }

    template <std::integral N = int, class Cost = int>
    constexpr auto operator()(rate r, N burst = 1, Cost cost = 1) const {
        return with(detail::own_limiter{rate_limiter{r, burst}}, detail::cost_function(std::move(cost)));
    }
    template <class Cost = int>
    constexpr auto operator()(rate_limiter& limiter, Cost cost = 1) const {
        return with(detail::shared_limiter{&limiter}, detail::cost_function(std::move(cost)));
    }
};

/// pace(rate, burst, cost): delivers items no faster than the rate, by a token bucket of `burst` tokens. No item is
/// lost.
///
///     in                     abcdef-----|
///     pace(rate{1, 2})       a-b-c-d-e-f|
///     pace(rate{1, 2}, 3)    abcde-f----|
///
///     requests | weir::pace(weir::rate{100}, 10)                                  // 100 a second
///     blocks | weir::pace(weir::rate{1'000'000}, 65536, std::ranges::size)        // bytes a second
///     requests | weir::pace(limiter)                                              // shared with others
///
/// An item takes as many tokens as it costs, one by default, and waits until they are available. The bucket is full at
/// the start. Upstream is not polled while an item waits, which slows a fast source. See rate_limiter for an item that
/// costs more than the bucket holds, and for late wake-ups.
///
/// Ends: with upstream. Errors: upstream's, what cost throws, and std::invalid_argument for a negative cost.
/// Dropped: the waiting item is lost, and its tokens are returned.
/// Cost: no allocation; one item held.
/// See: throttle, rate_limiter.
///
/// @param burst  > 0
/// @param cost   >= 0, or a function that returns it for an item
inline constexpr pace_fn pace{};

} // namespace weir

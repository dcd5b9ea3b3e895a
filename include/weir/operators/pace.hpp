#pragma once

#include <concepts>
#include <cstddef>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>
#include <weir/resilience/rate_limiter.hpp>

namespace weir {

namespace detail {

inline constexpr auto negative_cost = "weir::pace(rate, burst, cost): cost is negative";

/// The same for every item.
template <std::integral N>
struct same_cost {
    template <class T>
    N operator()(const T&) const noexcept {
        return cost;
    }

    N cost;
};

/// A number, or a function that gives one, as a function.
template <class Cost>
constexpr auto cost_function(Cost cost) {
    if constexpr (std::integral<Cost>) {
        number_of_items(cost, negative_cost);
        return same_cost<Cost>{cost};
    } else {
        return cost;
    }
}

template <class Cost, class T>
concept gives_cost = std::invocable<Cost&, const T&> && std::integral<std::invoke_result_t<Cost&, const T&>>;

} // namespace detail

/// Items of an upstream, no faster than a rate limiter lets them through.
/// @tparam Limiter  one of its own, or a reference to one that others use too
template <stream S, class Limiter, class Cost>
class pace_stream {
public:
    using value_type = item_t<S>;

    pace_stream(S upstream, Limiter limiter, Cost cost)
        : upstream_{std::move(upstream)}, limiter_{std::forward<Limiter>(limiter)}, cost_{std::move(cost)} {}

    poll<value_type> poll_next(context& cx) {
        if (!held_) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item()) return item;
            const auto cost = detail::number_of_items(std::invoke(cost_, std::as_const(*item)), detail::negative_cost);
            if (*limiter_.try_acquire(cost).poll_result(cx)) return item;
            held_.emplace(*std::move(item));
            turn_.emplace(limiter_.acquire(cost));
        }
        if (turn_->poll_result(cx).is_pending()) return pending;
        turn_.reset();
        poll<value_type> item{std::move(*held_)};
        held_.reset();
        return item;
    }

private:
    S upstream_;
    Limiter limiter_;
    [[no_unique_address]] Cost cost_;
    std::optional<value_type> held_;
    std::optional<rate_limiter::acquire_operation> turn_; // for what is held
};

struct pace_fn : operator_needs_its_arguments_in_parentheses {
    template <std::integral N = int, class Cost = int>
    constexpr auto operator()(rate r, N burst = 1, Cost cost = 1) const {
        return make<rate_limiter>(rate_limiter{r, burst}, detail::cost_function(std::move(cost)));
    }
    template <class Cost = int>
    constexpr auto operator()(rate_limiter& limiter, Cost cost = 1) const {
        return make<rate_limiter&>(limiter, detail::cost_function(std::move(cost)));
    }

private:
    template <class Limiter, class Cost>
    static constexpr auto make(Limiter&& limiter, Cost cost) {
        struct kept {
            Limiter limiter;
            Cost cost;
        };
        return closure{[k = kept{std::forward<Limiter>(limiter), std::move(cost)}]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::pace(rate): what is left of | is not a stream");
            } else if constexpr (!detail::gives_cost<Cost, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::pace(rate, burst, cost): cost cannot be called with an item, or gives no number");
            } else {
                return pace_stream<S, Limiter, Cost>{std::move(upstream), std::forward<Limiter>(k.limiter),
                                                     std::move(k.cost)};
            }
        }};
    }
};

/// pace(rate, burst, cost): no faster than the rate, by a token bucket that holds burst tokens; nothing is lost.
///
///     in                     abcdef-----|
///     pace(rate{1, 2})       a-b-c-d-e-f|
///     pace(rate{1, 2}, 3)    abcde-f----|
///
///     requests | weir::pace(weir::rate{100}, 10)                                  // 100 a second
///     blocks | weir::pace(weir::rate{1'000'000}, 65536, std::ranges::size)        // bytes a second
///     requests | weir::pace(limiter)                                              // shared with others
///
/// An item takes as many tokens as it costs, one by default, and waits until they are there; the bucket is full at the
/// start. While it waits upstream is not asked: that is how a fast source is slowed. See rate_limiter for what costs more
/// than the bucket holds, and for late wake-ups.
///
/// Ends and fails with its upstream, once the item that waits has come out. A cost that is negative fails with
/// std::invalid_argument.
///
/// @param burst  > 0
/// @param cost   >= 0, or a function that makes it of an item
inline constexpr pace_fn pace{};

} // namespace weir

#pragma once

#include <concepts>
#include <cstdint>
#include <stdexcept>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/moving_deadline.hpp>
#include <weir/operators/detail/driven.hpp>
#include <weir/operators/detail/held_back.hpp>

namespace weir {

/// Which item of a while comes through.
enum class edge : std::uint8_t {
    leading,  ///< the first, at once
    trailing, ///< the last, when the while is over
    both,     ///< the first at once, and the last if it is another
};

/// The items of an upstream, at most one in a while.
template <stream S, class OnDrop = detail::drop_silently>
class throttle_stream : public detail::held_back<throttle_stream<S, OnDrop>, S, OnDrop> {
    static_assert(detail::keepable<item_t<S>>, "weir::throttle(d) keeps items, and these borrow their memory; put "
                                               "to_owned() before it, or outlives(view) around what outlives it");

    using held_back = detail::held_back<throttle_stream, S, OnDrop>;
    friend detail::driven<throttle_stream, S>;

public:
    using typename held_back::value_type;

    throttle_stream(S upstream, duration d, edge which, OnDrop on_drop)
        : held_back{std::move(upstream), std::move(on_drop)}, d_{d}, edge_{which} {}

private:
    bool wants(context& cx) {
        if (this->passed()) return false;
        if (!this->holds() || !over_.poll(cx)) return true;
        begin(over_.deadline());
        // After a stall it does not catch up.
        if (over_.passed(cx)) begin(cx.ex().now());
        this->pass();
        return false;
    }

    void take(value_type item, context& cx) {
        if (begun_ && !over_.passed(cx)) {
            if (edge_ == edge::leading) return this->drop(std::move(item));
            return this->hold(std::move(item));
        }
        begin(cx.ex().now());
        this->hold(std::move(item));
        if (edge_ != edge::trailing) this->pass();
    }

    void upstream_ended(context&) noexcept { over_.cancel(); }

    void begin(time_point start) noexcept {
        begun_ = true;
        over_.set(d_ > time_point::max() - start ? time_point::max() : start + d_);
    }

    detail::moving_deadline over_; // the while
    bool begun_ = false;
    duration d_;
    edge edge_;
};

struct throttle_fn : operator_needs_its_arguments_in_parentheses {
    template <class OnDrop = detail::drop_silently>
    constexpr auto operator()(duration d, edge which = edge::both, OnDrop on_drop = {}) const {
        if (d < duration::zero()) throw std::invalid_argument{"weir::throttle(d): d is negative"};
        return closure{[d, which, on_drop = std::move(on_drop)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::throttle(d): what is left of | is not a stream");
            } else if constexpr (!std::invocable<OnDrop&, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::throttle(d, edge, on_drop): on_drop cannot be called with an item");
            } else {
                return throttle_stream<S, OnDrop>{std::move(upstream), d, which, std::move(on_drop)};
            }
        }};
    }
};

/// throttle(d): at most one item every d; the others are dropped.
///
///     in                           abcd--------|
///     throttle(3)                  a--c--d-----|
///     throttle(3, edge::leading)   a--d--------|
///     throttle(3, edge::trailing)  ---c--d-----|
///
/// A while of d begins with an item that comes when there is none, and the next when one ends with an item. By default
/// the first item comes out at once and the last at the end of the while. What is dropped is passed to on_drop, the third
/// argument, if there is one.
///
/// From the first poll on it takes items whether or not the consumer is busy. What was let through is never dropped:
/// until the consumer takes it upstream is not asked.
///
/// The item that is held at the end, or at an error, comes out at once before it.
inline constexpr throttle_fn throttle{};

} // namespace weir

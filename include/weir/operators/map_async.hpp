#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/in_flight.hpp>

namespace weir {

/// The results of the operations that a function makes of the items of an upstream, in the order of the items.
template <stream S, class F, class Limit = std::size_t>
class map_async_stream
    : public detail::in_flight_stream<S, F, detail::operations, detail::delivery::as_started, Limit> {
    static_assert(detail::keepable<item_t<S>>, "weir::map_async(n, f) keeps items, and these borrow their memory; put "
                                               "to_owned() before it, or outlives(view) around what outlives it");

public:
    using map_async_stream::in_flight_stream::in_flight_stream;
};

struct map_async_fn : operator_needs_its_arguments_in_parentheses {
    /// @throws std::invalid_argument when n is less than 1
    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return make<F>(detail::at_least_one(n, "weir::map_async(n, f): n must be at least 1"), std::move(f));
    }
    template <detail::operation_limit L, class F>
    constexpr auto operator()(L& limit, F f) const {
        return make<F>(limit.bound(), limit.guard(std::move(f)));
    }
    template <class F>
    constexpr auto operator()(F) const {
        static_assert(detail::always_false<F>,
                      "weir::map_async(n, f): say how many operations may be in flight at once");
        return closure{[]<class S>(S upstream) { return upstream; }}; // so that nothing else is said
    }

private:
    template <class F, class Limit, class Run>
    static constexpr auto make(Limit limit, Run run) {
        return closure{[limit = std::move(limit), run = std::move(run)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::map_async(n, f): what is left of | is not a stream");
            } else if constexpr (!detail::gives_awaitable<F&, item_t<S>>) {
                static_assert(detail::always_false<S>, "weir::map_async(n, f): f cannot be called with an item, or "
                                                       "does not give a task or another awaitable");
            } else {
                return map_async_stream<S, Run, Limit>{std::move(upstream), std::move(limit), std::move(run)};
            }
        }};
    }
};

/// map_async(n, f): a -> co_await f(a), at most n of them in flight, in the order of the items.
///
///     in               --a-b-c-------|
///     map_async(2, f)  -------A-B--C-|     where f takes five ticks
///
/// From the first poll on, operations are started as long as fewer than n are in flight or wait for delivery, and run
/// to their end, whether or not the consumer is busy. A slow one holds back the results behind it: see
/// map_async_unordered.
///
/// f and what it captures stay where they are as long as an operation may use them; so does the item of an operation.
///
/// Ends with its upstream, after the last result. An error of upstream comes after the results of what was in flight. A
/// failure of an operation or of f comes in its place, after the results before it; what was started after it, and
/// upstream, are dropped at once.
///
/// map_async(limit, f): the same with a concurrency_limit, which may change meanwhile and may be shared: an operation is
/// made when it has a permit. As many items as the limit allows may wait for one, for as long as it takes: the queue
/// limits are for others. Refers to the limit.
///
/// @param n  operations at a time, > 0
inline constexpr map_async_fn map_async{};

} // namespace weir

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

/// When a flat_map fails.
struct flat_map_options {
    /// An error waits until upstream and all inner streams have ended; the first one is the one that is delivered.
    bool delay_error = false;
};

/// The streams that a function makes of the items of an upstream, a bounded number of them at a time.
template <stream S, class F>
class flat_map_stream : public detail::in_flight_stream<S, F, detail::inner_streams, detail::delivery::as_ready> {
    static_assert(detail::keepable<item_t<S>>, "weir::flat_map(n, f) keeps items, and these borrow their memory; put "
                                               "to_owned() before it, or outlives(view) around what outlives it");

public:
    using flat_map_stream::in_flight_stream::in_flight_stream;
};

struct flat_map_fn : operator_needs_its_arguments_in_parentheses {
    /// @throws std::invalid_argument when n is less than 1
    template <std::integral N, class F>
    constexpr auto operator()(N n, F f, flat_map_options options = {}) const {
        const std::size_t limit = detail::at_least_one(n, "weir::flat_map(n, f): n must be at least 1");
        return closure{[limit, options, f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::flat_map(n, f): what is left of | is not a stream");
            } else if constexpr (!detail::gives_stream<F&, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::flat_map(n, f): f cannot be called with an item, or does not give a stream");
            } else {
                return flat_map_stream<S, F>{std::move(upstream), limit, std::move(f), options.delay_error};
            }
        }};
    }
    template <class F>
    constexpr auto operator()(F) const {
        static_assert(detail::always_false<F>,
                      "weir::flat_map(n, f): say how many inner streams may be there at once, or use concat_map(f)");
        return closure{[]<class S>(S upstream) { return upstream; }}; // so that nothing else is said
    }
};

/// flat_map(n, f): the items of the streams f(a), f(b), ..., of which at most n run at a time, as they arrive.
///
///     in              --a--b------|
///     flat_map(2, f)  --1-21-23--3|     where f makes 1-2---3|
///
/// From the first poll on, upstream is asked for the next item as soon as fewer than n inner streams are there, and each
/// inner stream for its next as soon as the one before was taken, whether or not the consumer is busy: up to n inner
/// streams, each with at most one item held. The cost of an item does not grow with n.
///
/// Ends when upstream and all inner streams have. An error of upstream comes after the last item of the inner streams
/// that it left. A failure of an inner stream or of f drops upstream and the other inner streams at once; the items
/// that were ready before come before it. flat_map(n, f, {.delay_error = true}) goes on without it until all have ended.
///
/// @param n  inner streams at a time, > 0. They are kept for reuse: nothing is allocated once n were made.
inline constexpr flat_map_fn flat_map{};

} // namespace weir

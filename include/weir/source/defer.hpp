// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The stream that a function makes at the first poll.
template <class F>
class [[nodiscard("add a sink and co_await it")]] defer_stream {
    using stream_t = std::remove_cvref_t<std::invoke_result_t<F&>>;

public:
    using value_type = item_t<stream_t>;

    explicit defer_stream(F f) : f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        if (!stream_ && !make(cx)) return cx.yield();
        return stream_->poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!stream_ && !make(cx)) return detail::yield_loop(cx);
        return weir::poll_each(*stream_, cx, consume);
    }

private:
    /// False when the function has dropped what runs.
    bool make(context& cx) {
        stream_.construct_with([this] { return std::invoke(f_); });
        return !cx.stopping();
    }

    [[no_unique_address]] F f_; // outlives the coroutines that it starts
    detail::manual_lifetime<stream_t> stream_;
};

struct defer_fn {
    template <class F>
    constexpr auto operator()(F f) const {
        if constexpr (stream<F>) {
            static_assert(detail::always_false<F>,
                          "weir::defer(f): takes a function that returns a stream, not a stream: write "
                          "defer([] { return ...; })");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::gives_stream<F&>) {
            static_assert(detail::always_false<F>,
                          "weir::defer(f): f cannot be called without arguments, or does not give a stream");
            return detail::invalid_pipeline{};
        } else {
            return defer_stream<F>{std::move(f)};
        }
    }
};

/// defer(f): the stream that f returns. f is called at the first poll, so that what it reads and opens is that of the
/// moment at which the items are wanted.
///
///     auto lines = weir::defer([&] { return weir::lines(settings.path()); });
///
/// Ends: with f's stream. Errors: those of f's stream, and what f throws.
/// Cost: no allocation. f lives as long as its stream, which may be a coroutine with captures.
/// See: repeat and retry, which call a function for each of their streams.
inline constexpr defer_fn defer{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>
#include <weir/source/repeat.hpp>

namespace weir {

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
                          "weir::defer(f): f cannot be called without arguments, or does not return a stream");
            return detail::invalid_pipeline{};
        } else {
            return repeat_stream<F>{std::move(f), 1};
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

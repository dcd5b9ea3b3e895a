// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>
#include <weir/resilience/detail/again_when.hpp>

namespace weir {

struct repeat_when_fn {
    template <class Factory, class F>
    constexpr auto operator()(Factory factory, F f) const {
        if constexpr (stream<Factory>) {
            static_assert(
                detail::always_false<Factory>,
                "weir::repeat_when(factory, f): a stream is used once; pass a function that returns it: write "
                "repeat_when([] { return ...; }, f)");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::gives_stream<Factory&>) {
            static_assert(detail::always_false<Factory>,
                          "weir::repeat_when(factory, f): factory cannot be called without arguments, or does not "
                          "return a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!std::invocable<F&>) {
            static_assert(detail::always_false<F>,
                          "weir::repeat_when(factory, f): f cannot be called without arguments");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::decides_whether_again<std::invoke_result_t<F&>>) {
            static_assert(detail::always_false<F>,
                          "weir::repeat_when(factory, f): f does not return a task or another operation, without a "
                          "result or with a bool");
            return detail::invalid_pipeline{};
        } else {
            return detail::again_when_stream<Factory, F, detail::again_after::end>(std::move(factory), std::move(f));
        }
    }
};

/// repeat_when(factory, f): all items of the stream that factory returns. When it has ended, the operation f() is
/// awaited; then factory is called again, unless the operation's result is false.
///
///     factory()                -1-2|   -1-2|
///     f()                          ----x
///     repeat_when(factory, f)  -1-2-----1-2...
///
///     weir::repeat_when([&] { return poll_mailbox(); }, [] { return weir::sleep_for(30s); })
///
/// Ends: when the result of an operation is false; never, if the operations have no result.
/// Errors: those of the current stream and of the operation, and what factory and f throw.
/// Dropped: destroys the current stream or operation.
/// Cost: no allocation; no item held. factory and f outlive the streams and operations that they return.
/// See: repeat, retry_when, restart.
inline constexpr repeat_when_fn repeat_when{};

} // namespace weir

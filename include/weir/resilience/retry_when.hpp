// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>
#include <weir/resilience/detail/again_when.hpp>

namespace weir {

struct retry_when_fn {
    template <class Factory, class F>
    constexpr auto operator()(Factory factory, F f) const {
        if constexpr (stream<Factory>) {
            static_assert(detail::always_false<Factory>,
                          "weir::retry_when(factory, f): a stream is used once and cannot be tried again; wrap what "
                          "makes it: retry_when([]{ return ...; }, f)");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::gives_stream<Factory&>) {
            static_assert(detail::always_false<Factory>,
                          "weir::retry_when(factory, f): factory cannot be called without arguments, or does not "
                          "return a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!std::invocable<F&, const std::exception_ptr&>) {
            static_assert(detail::always_false<F>,
                          "weir::retry_when(factory, f): f cannot be called with the error, a std::exception_ptr");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::decides_whether_again<std::invoke_result_t<F&, const std::exception_ptr&>>) {
            static_assert(detail::always_false<F>,
                          "weir::retry_when(factory, f): f does not return a task or another operation, without a "
                          "result or with a bool");
            return detail::invalid_pipeline{};
        } else {
            return detail::again_when_stream<Factory, F, detail::again_after::error>(std::move(factory), std::move(f));
        }
    }
};

/// retry_when(factory, f): the stream that factory returns. When it fails it is destroyed, and the operation f(error)
/// is awaited; then factory is called again, unless the operation has failed or its result is false.
///
///     factory()               1--2--#  3--|
///     f(error)                      ---x
///     retry_when(factory, f)  1--2-----3--|
///
///     weir::retry_when(connect, [&](std::exception_ptr) -> weir::task<> { co_await network.wait_until_up(); })
///
/// For waits that grow, with a number of attempts, see retry.
///
/// Ends: with the current stream.
/// Errors: that of the operation, or of the current stream if the result is false; what f throws. An exception of
/// factory is passed to f. Errors of operators downstream are not retried.
/// Dropped: destroys the current stream or operation.
/// Cost: no allocation; no item held. factory and f outlive the streams and operations that they return; the error
/// outlives the operation.
/// See: retry, repeat_when, on_error_resume.
inline constexpr retry_when_fn retry_when{};

} // namespace weir

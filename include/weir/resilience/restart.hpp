// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>
#include <weir/resilience/retry.hpp>

namespace weir {

/// The stream of `restart`: `retry` with the end of a stream as a failure.
template <class Factory>
using restart_stream = retry_stream<Factory, detail::failed_by::error_or_end>;

struct restart_fn {
    template <class Factory>
    auto operator()(Factory factory, retry_policy policy = {}) const {
        if constexpr (stream<Factory>) {
            static_assert(detail::always_false<Factory>,
                          "weir::restart(factory): a stream is used once and cannot be started again; wrap what makes "
                          "it: restart([]{ return ...; })");
            return detail::invalid_pipeline{};
        } else if constexpr (!detail::gives_stream<Factory&>) {
            static_assert(detail::always_false<Factory>,
                          "weir::restart(factory): factory cannot be called without arguments, or does not return a "
                          "stream");
            return detail::invalid_pipeline{};
        } else {
            return restart_stream<Factory>(std::move(factory), std::move(policy));
        }
    }
};

/// restart(factory, policy): the items of a stream that is meant to run for ever. When the stream that factory returns
/// ends or fails it is destroyed, and factory is called again after a wait, which grows each time.
///
///     factory()         1--2--#   3--|   4--...
///     restart(factory)  1--2------3------4--...
///
///     weir::restart([] { return follow_feed("wss://example.org"); }, {.attempts = weir::retry_policy::unlimited})
///
/// It is retry with the end of a stream as a failure, and takes the same policy: each item resets the attempts and the
/// waits. `policy.when` is called for errors only. The default policy gives up after three ends or failures without an
/// item between them.
///
/// Ends: when the last attempt that the policy allows ends.
/// Errors: as for retry.
/// Dropped: destroys the current stream, or ends the wait.
/// See: retry, retry_when, repeat.
///
/// @throws std::invalid_argument when the policy is out of range
inline constexpr restart_fn restart{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/resilience/retry.hpp>

namespace weir {

namespace detail {

/// The end of a stream that is to be restarted, as an error.
struct stream_ended {};

/// A stream whose end is an error.
template <stream S>
class fails_at_end {
public:
    using value_type = item_t<S>;

    // Accepts an S and nothing that converts to one: an async_stream converts from this stream.
    template <std::same_as<S> Source>
    explicit fails_at_end(Source source) : source_(std::move(source)) {}

    poll<value_type> poll_next(context& cx) {
        auto item = source_.poll_next(cx);
        if (item.is_done()) throw stream_ended{};
        return item;
    }

private:
    S source_;
};

template <class Factory>
class make_fail_at_end {
public:
    explicit make_fail_at_end(Factory factory) : factory_(std::move(factory)) {}

    auto operator()() {
        using stream_t = std::remove_cvref_t<std::invoke_result_t<Factory&>>;
        return fails_at_end<stream_t>(std::invoke(factory_));
    }

private:
    [[no_unique_address]] Factory factory_;
};

/// Asks a policy about errors only.
class when_failed {
public:
    explicit when_failed(std::function<bool(std::exception_ptr)> when) : when_{std::move(when)} {}

    bool operator()(std::exception_ptr error) const {
        try {
            std::rethrow_exception(error);
        } catch (const stream_ended&) {
            return true;
        } catch (...) {}
        return when_(std::move(error));
    }

private:
    std::function<bool(std::exception_ptr)> when_;
};

} // namespace detail

/// The stream of restart.
template <class Factory>
class [[nodiscard("add a sink and co_await it")]] restart_stream {
    using retried = retry_stream<detail::make_fail_at_end<Factory>>;

public:
    using value_type = typename retried::value_type;

    restart_stream(Factory factory, retry_policy policy)
        : retried_(detail::make_fail_at_end<Factory>(std::move(factory)), std::move(policy)) {}

    poll<value_type> poll_next(context& cx) {
        try {
            return retried_.poll_next(cx);
        } catch (const detail::stream_ended&) {
            return done;
        }
    }

private:
    retried retried_;
};

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
            if (policy.when) policy.when = detail::when_failed(std::move(policy.when));
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
/// Cost: as for retry; an exception is thrown at each end.
/// See: retry, retry_when, repeat.
///
/// @throws std::invalid_argument when the policy is out of range
inline constexpr restart_fn restart{};

} // namespace weir

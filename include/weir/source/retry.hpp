#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/timer.hpp>
#include <weir/resilience/retry_policy.hpp>

namespace weir {

/// The items of a stream that is made anew when it has failed.
template <class Factory>
class retry_stream {
    using attempt_t = std::remove_cvref_t<std::invoke_result_t<Factory&>>;

public:
    using value_type = item_t<attempt_t>;

    retry_stream(Factory factory, retry_policy policy) : factory_{std::move(factory)}, backoff_{std::move(policy)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            if (waiting_) {
                if (!timer_.poll(cx)) return pending;
                waiting_ = false;
            }
            std::exception_ptr error;
            try {
                if (!attempt_) attempt_.emplace(std::invoke(factory_));
                auto item = attempt_->poll_next(cx);
                if (item.is_item()) backoff_.succeeded();
                return item;
            } catch (...) {
                error = std::current_exception();
            }
            attempt_.reset();
            if (!backoff_.again(error)) std::rethrow_exception(std::move(error));
            timer_.arm(cx.ex, cx.ex.after(backoff_.wait()));
            waiting_ = true;
        }
    }

private:
    Factory factory_; // outlives the coroutines that it makes
    detail::backoff backoff_;
    std::optional<attempt_t> attempt_;
    deadline_timer timer_;
    bool waiting_ = false;
};

struct retry_fn {
    template <class Factory>
    auto operator()(Factory&& factory, retry_policy policy = {}) const {
        using factory_t = std::remove_cvref_t<Factory>;
        if constexpr (stream<factory_t>) {
            static_assert(detail::always_false<Factory>,
                          "weir::retry(factory): a stream is used once and cannot be tried again; wrap what makes it: "
                          "retry([]{ return ...; })");
        } else if constexpr (!std::invocable<factory_t&>) {
            static_assert(detail::always_false<Factory>,
                          "weir::retry(factory): factory cannot be called without arguments");
        } else if constexpr (!stream<std::remove_cvref_t<std::invoke_result_t<factory_t&>>>) {
            static_assert(detail::always_false<Factory>, "weir::retry(factory): factory does not give a stream");
        } else {
            return retry_stream<factory_t>{std::forward<Factory>(factory), std::move(policy)};
        }
    }
};

/// retry(factory, policy): the stream that factory makes; when it fails it is dropped, and after a wait that grows from
/// failure to failure factory makes the next.
///
///     factory()       1--2--#   3--|
///     retry(factory)  1--2------3--|
///
///     weir::retry([] { return follow_feed("wss://example.org"); }, {.attempts = 10, .delay = 1s, .max_delay = 1min})
///
/// An item that comes out ends a row of failures: the attempts and the waits begin anew. What has come out is not taken
/// back: a new attempt begins where factory lets it begin. Ends with the stream of its turn. The error of the last
/// attempt, and one that `policy.when` does not hold for, passes as it is. An exception from factory is a failed
/// attempt; one from `policy.when` or `policy.random` ends the stream. Errors further down the pipeline are none of
/// its business.
///
/// Dropping it ends the wait.
///
/// @throws std::invalid_argument for no attempts, a negative delay, a factor below 1, or a max_delay below delay
inline constexpr retry_fn retry{};

} // namespace weir

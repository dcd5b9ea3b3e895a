// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <csignal>
#include <memory>
#include <utility>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/backend/detail/signal_subscription.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

/// The stream of the process's signals.
class [[nodiscard("add a sink and co_await it")]] signals_stream {
public:
    using value_type = int;

    explicit signals_stream(std::vector<int> numbers) : numbers_{std::move(numbers)} {}

    poll<int> poll_next(context& cx);

    void outline(stage_outline&) const noexcept {}

private:
    std::vector<int> numbers_;
    std::unique_ptr<detail::signal_subscription> subscription_;
    detail::poll_checker checker_;
    io_operation operation_; // last: cancelled before the descriptor is closed
};

/// signals(SIGINT, SIGTERM): the numbers of the signals that the process receives.
///
///     server | weir::take_until(weir::signals(SIGINT, SIGTERM))
///
/// From the first poll on the signals do not have their previous effect. They have it again when the last stream for
/// them is destroyed. A signal that arrives again before it was polled for is one item. Every stream receives every
/// signal, on any executor. Interrupted system calls of other code are restarted.
///
/// A program that announces that it is ready should poll the stream before. Otherwise a signal that follows at once
/// ends it:
///
///     auto numbers = weir::signals(SIGINT, SIGTERM);
///     auto stop = (co_await weir::this_executor())->spawn(std::move(numbers) | weir::first());
///     co_await weir::yield();   // `stop` is polled
///     print("ready");
///     co_await (weir::accept(std::move(listener)) | weir::serve(handler, std::move(stop)));
///
/// Ends: never.
/// Errors: std::system_error for a number that is not a signal or that cannot be caught.
/// Cost: no allocation per item.
/// See: take_until, serve.
template <std::same_as<int>... Others>
signals_stream signals(int number, Others... others) {
    return signals_stream{std::vector<int>{number, others...}};
}

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <initializer_list>
#include <memory>
#include <utility>
#include <vector>

#include <weir/backend/backend.hpp>
#include <weir/backend/detail/signal_subscription.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/poll.hpp>

namespace weir {

/// Signals that come to the process.
class [[nodiscard("add a sink and co_await it")]] signals_stream {
public:
    using value_type = int;

    explicit signals_stream(std::vector<int> numbers) : numbers_{std::move(numbers)} {}

    poll<int> poll_next(context& cx);

private:
    std::vector<int> numbers_;
    std::unique_ptr<detail::signal_subscription> subscription_;
    detail::poll_checker checker_;
    io_operation operation_; // last: cancelled before the descriptor goes
};

/// signals({SIGINT, SIGTERM}): the numbers of the signals that come; it does not end.
///
///     server | weir::take_until(weir::signals({SIGINT, SIGTERM}))
///
/// From its first poll on the signals no longer do what they did before; when the last stream for a signal is gone they
/// do so again. A signal that comes again before it was asked for is one item. Each stream gets each signal, on
/// whichever executor. Interrupted system calls of other code are restarted. Fails with std::system_error for what is
/// no signal, or one that cannot be caught.
inline signals_stream signals(std::initializer_list<int> numbers) { return signals_stream{numbers}; }

} // namespace weir

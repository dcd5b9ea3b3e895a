// SPDX-License-Identifier: MIT
#pragma once

#include <stop_token>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/detail/stop_token_watcher.hpp>

namespace weir::detail {

/// The stop of a server that ends only with its connections.
struct never_stop {};

/// Polls the stop: the first and second items of a stream, the result of an operation, or a token.
template <class Signal>
class stop_signal {
public:
    explicit stop_signal(Signal signal) : signal_(std::move(signal)) {}

    /// Returns true when the stop has arrived; a stream may then deliver a second stop.
    bool poll(context& cx) {
        if (!signal_) return false;
        if constexpr (stream<Signal>) {
            auto item = signal_->poll_next(cx);
            if (item.is_done()) signal_.reset();
            return item.is_item();
        } else if constexpr (operation<Signal>) {
            if (signal_->poll_result(cx).is_pending()) return false;
            signal_.reset();
            return true;
        } else {
            return false;
        }
    }

private:
    resettable<Signal> signal_;
};

template <>
class stop_signal<std::stop_token> {
public:
    explicit stop_signal(std::stop_token token) noexcept : watch_{std::move(token)} {}

    bool poll(context& cx) {
        if (came_) return false;
        came_ = watch_.stop_requested();
        if (!came_) watch_.wait(cx);
        return came_;
    }

private:
    stop_token_watcher watch_;
    bool came_ = false;
};

} // namespace weir::detail

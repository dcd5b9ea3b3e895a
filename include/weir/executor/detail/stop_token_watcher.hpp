// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <stop_token>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/remote_event.hpp>

namespace weir::detail {

/// Watches a std::stop_token, which any thread may stop. Until an operation waits for the stop, a check reads one flag.
class stop_token_watcher {
public:
    explicit stop_token_watcher(std::stop_token token) noexcept : token_{std::move(token)} {}
    stop_token_watcher(stop_token_watcher&& other) noexcept : token_{std::move(other.token_)} {
        WEIR_ASSERT(!other.event_, "a stream or operation was moved after its first poll");
    }

    bool stop_requested() const noexcept { return token_.stop_requested(); }

    /// Wakes the context's waker when a stop is requested.
    void wait(context& cx) {
        if (!token_.stop_possible()) return;
        if (!event_) {
            event_.emplace(cx.executor());
            callback_.emplace(token_, notify{*event_});
        }
        // The event was notified while no waker was stored: the caller must ask the token again.
        if (event_->poll(cx)) cx.waker().wake();
    }

private:
    struct notify {
        remote_event& event;
        void operator()() const noexcept { event.notify(); }
    };

    std::stop_token token_;
    std::optional<remote_event> event_;
    std::optional<std::stop_callback<notify>> callback_; // its destructor waits for a call in progress
};

} // namespace weir::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <optional>
#include <stdexcept>
#include <string>

#include <weir/core/context.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/executor/detail/time_limit.hpp>
#include <weir/executor/executor.hpp>
#include <weir/resilience/overloaded.hpp>
#include <weir/sync/detail/wait_queue.hpp>

namespace weir::detail {

/// Base of an operation that may have to wait in a queue, for a limited time.
class bounded_waiter : public waiter {
private:
    friend class bounded_wait_queue;

    std::optional<time_limit> limit_;
};

/// A queue with a maximum number of waiters and a maximum time for each of them.
class bounded_wait_queue {
public:
    /// @param owner  the name for error messages; a string literal
    /// @throws std::invalid_argument when max_wait is negative
    bounded_wait_queue(queue_limits limits, const char* owner) : limits_{limits}, owner_{owner} {
        if (limits.max_wait < duration::zero()) {
            throw std::invalid_argument{std::string{owner} + ": max_wait is negative"};
        }
    }

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

    bounded_waiter& front() noexcept { return waiters_.front(); }

    /// @throws overloaded when the queue is full
    void enter(bounded_waiter& w, context& cx) {
        if (size_ >= limits_.max_queued) {
            throw overloaded{std::string{owner_} + ": " + std::to_string(size_) + " are waiting already"};
        }
        if (limits_.max_wait != duration::max())
            w.limit_.emplace().set(cx.executor(), cx.executor().time_after(limits_.max_wait));
        enter_any(w);
    }
    /// Enters without either limit.
    void enter_any(bounded_waiter& w) noexcept {
        waiters_.enter(w);
        ++size_;
    }

    /// Polls a waiter. Returns false when its time is up; the caller must then call `leave`.
    bool keep_waiting(bounded_waiter& w, context& cx) {
        if (w.limit_ && w.limit_->over(cx)) return false;
        static_cast<void>(w.wait(cx));
        return true;
    }
    overloaded waited_too_long() const {
        return overloaded{std::string{owner_} + ": not admitted within " + to_text(limits_.max_wait)};
    }

    void leave(bounded_waiter& w) noexcept {
        w.unlink();
        w.set_state(wait_state::finished);
        --size_;
    }

    /// Grants the first waiter's request.
    void grant_front() noexcept {
        --size_;
        waiters_.front().limit_.reset();
        waiters_.release_front(wait_state::granted);
    }

private:
    friend described;

    void describe(wait_report& report) const {
        report.object(this, owner_, "the limit is reached, and " + std::to_string(size_) + " operations wait for it");
    }

    queue_limits limits_;
    const char* owner_;
    wait_queue<bounded_waiter> waiters_{*this};
    std::size_t size_ = 0;
};

} // namespace weir::detail

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
#include <weir/sync/detail/line.hpp>

namespace weir::detail {

/// Base of an operation that may have to wait for its turn, though not for ever.
class waiter : public in_line {
private:
    friend class waiting_line;

    std::optional<time_limit> limit_;
};

/// A line in which so many may stand, each for so long.
class waiting_line {
public:
    /// @param owner  for messages; lives as long as the program
    /// @throws std::invalid_argument for a max_wait that is negative
    waiting_line(queue_limits limits, const char* owner) : limits_{limits}, owner_{owner} {
        if (limits.max_wait < duration::zero()) {
            throw std::invalid_argument{std::string{owner} + ": max_wait is negative"};
        }
    }

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

    waiter& front() noexcept { return line_.front(); }

    /// @throws overloaded when too many wait already
    void enter(waiter& w, context& cx) {
        if (size_ >= limits_.max_queued) {
            throw overloaded{std::string{owner_} + ": " + std::to_string(size_) + " are waiting already"};
        }
        if (limits_.max_wait != duration::max())
            w.limit_.emplace().set(cx.executor(), cx.executor().time_after(limits_.max_wait));
        enter_any(w);
    }
    /// The same without limits.
    void enter_any(waiter& w) noexcept {
        line_.enter(w);
        ++size_;
    }

    /// For one that waits: false when it has waited for too long. It still has to leave.
    bool keep_waiting(waiter& w, context& cx) {
        if (w.limit_ && w.limit_->over(cx)) return false;
        static_cast<void>(w.wait(cx));
        return true;
    }
    overloaded waited_too_long() const {
        return overloaded{std::string{owner_} + ": no turn within " + to_text(limits_.max_wait)};
    }

    void leave(waiter& w) noexcept {
        w.unlink();
        w.become(turn::over);
        --size_;
    }

    /// The first has its turn.
    void grant_front() noexcept {
        --size_;
        line_.front().limit_.reset();
        line_.release_front(turn::granted);
    }

private:
    queue_limits limits_;
    const char* owner_;
    line<waiter> line_;
    std::size_t size_ = 0;
};

} // namespace weir::detail

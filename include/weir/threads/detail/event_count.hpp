// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <thread>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/executor/detail/adaptive_spin.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/remote_event.hpp>

namespace weir::detail {

/// A waiter that another thread notifies.
class sleeper : public list_link {
public:
    sleeper() noexcept = default;
    sleeper(const sleeper&) = delete;
    sleeper& operator=(const sleeper&) = delete;

    virtual void notify() noexcept = 0;

protected:
    ~sleeper() = default;
};

/// The waiters, on any executor or thread, for a condition that other threads change.
///
/// A waiter enters first and then checks the condition. A thread that changes the condition does so first and then
/// wakes. Both operations are seq_cst, so that one of the two sees the other.
///
/// Threads: any.
class event_count {
public:
    /// Has no effect when the sleeper has entered already.
    void enter(sleeper& s) noexcept {
        const std::lock_guard lock{mutex_};
        if (s.linked()) return;
        sleepers_.push_back(s);
        count_.fetch_add(1);
    }
    /// Removes a sleeper, which is not notified afterwards. Returns false when it was notified or had not entered.
    bool leave(sleeper& s) noexcept {
        const std::lock_guard lock{mutex_};
        if (!s.linked()) return false;
        s.unlink();
        count_.fetch_sub(1);
        return true;
    }

    void wake_one() noexcept {
        if (count_.load() != 0) [[unlikely]]
            wake(1);
    }
    void wake_all() noexcept { wake(static_cast<std::size_t>(-1)); }

    /// The limit of adaptive_spin that all waiters share.
    unsigned spin_limit() const noexcept { return spin_limit_.load(std::memory_order_relaxed); }
    void spin_limit(unsigned n) noexcept { spin_limit_.store(n, std::memory_order_relaxed); }

private:
    [[gnu::noinline]] void wake(std::size_t most) noexcept {
        // Under the lock, because a notified sleeper may be destroyed as soon as it can leave.
        const std::lock_guard lock{mutex_};
        for (; most != 0 && !sleepers_.empty(); --most) {
            count_.fetch_sub(1);
            sleepers_.pop_front().notify();
        }
    }

    std::mutex mutex_;
    intrusive_list<sleeper> sleepers_; // guarded by mutex_
    std::atomic<std::size_t> count_ = 0;
    std::atomic<unsigned> spin_limit_ = adaptive_spin::max_turns;
};

/// The state of an operation on an executor that waits at an event_count. It must not be moved after its first poll.
///
/// A notification that the operation did not use is passed on when the operation succeeds or is dropped.
class parked_operation {
public:
    parked_operation() noexcept = default;
    explicit parked_operation(adaptive_spin::sleep_at_once at_once) noexcept : spin_{at_once} {}

    /// Returns true when the operation must return `pending`, and false when it must try again.
    /// @param blocked  returns whether the condition still does not hold
    template <class Blocked>
    bool park(context& cx, event_count& events, Blocked blocked) {
        if (entered_) {
            if (!sleeper_->event.poll(cx)) return true;
            entered_ = false;
            owes_ = true;
        }
        if (spin_.again(events.spin_limit(), cx.executor().now())) {
            static_cast<void>(cx.yield());
            return true;
        }
        if (!sleeper_) sleeper_.emplace(cx.executor());
        while (sleeper_->event.poll(cx)) {} // clears late notifications; later ones wake it
        events.enter(*sleeper_);
        entered_ = true;
        return blocked();
    }

    /// To be called when the operation has succeeded.
    void succeeded(context& cx, event_count& events) noexcept {
        if (!spin_.waited()) return;
        const unsigned limit = events.spin_limit();
        const unsigned next = spin_.succeeded(limit, cx.executor().now());
        if (next != limit) events.spin_limit(next);
    }

    /// Stops waiting.
    template <class Blocked>
    void leave(event_count& events, Blocked blocked) noexcept {
        // It may have entered even so, when a late notification has ended its sleep.
        if (sleeper_ && !events.leave(*sleeper_) && entered_) owes_ = true;
        entered_ = false;
        if (owes_ && !blocked()) events.wake_one();
        owes_ = false;
    }
    /// Stops waiting for good.
    template <class Blocked>
    void end(event_count& events, Blocked blocked) noexcept {
        leave(events, blocked); // waits for a thread that is notifying it
        sleeper_.reset();
    }

private:
    struct member final : sleeper {
        explicit member(executor& ex) noexcept : event{ex} {}
        void notify() noexcept override { event.notify(); }

        remote_event event;
    };

    std::optional<member> sleeper_;
    adaptive_spin spin_;
    bool entered_ = false;
    bool owes_ = false; // was notified and has not used that
};

/// The same for a thread without an executor.
class parked_thread final : private sleeper {
public:
    /// Returns when the operation must try again.
    template <class Blocked>
    void park(event_count& events, Blocked blocked) {
        if (spin_.again(events.spin_limit(), clock::now())) return;
        {
            const std::lock_guard lock{mutex_};
            notified_ = false;
        }
        events.enter(*this);
        if (blocked()) {
            std::unique_lock lock{mutex_};
            wake_up_.wait(lock, [this] { return notified_; });
        }
        owes_ = !events.leave(*this);
        events.spin_limit(spin_.succeeded(events.spin_limit(), clock::now()));
    }
    template <class Blocked>
    void leave(event_count& events, Blocked blocked) noexcept {
        if (owes_ && !blocked()) events.wake_one();
        owes_ = false;
    }

private:
    void notify() noexcept override {
        const std::lock_guard lock{mutex_};
        notified_ = true;
        wake_up_.notify_one();
    }

    std::mutex mutex_;
    std::condition_variable wake_up_;
    bool notified_ = false; // guarded by mutex_
    adaptive_spin spin_;
    bool owes_ = false;
};

} // namespace weir::detail

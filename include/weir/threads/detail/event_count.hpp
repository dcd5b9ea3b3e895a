// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/executor/remote_event.hpp>

namespace weir::detail {

/// Somebody who sleeps until another thread notifies it.
class sleeper : public list_link {
public:
    sleeper() noexcept = default;
    sleeper(const sleeper&) = delete;
    sleeper& operator=(const sleeper&) = delete;

    virtual void notify() noexcept = 0;

protected:
    ~sleeper() = default;
};

/// Those who sleep, on any executor or thread, until something that other threads have done is worth another look.
///
/// Whoever is about to sleep enters first and looks then; whoever changes what it looks at does that first, and wakes
/// then. Both are seq_cst, so one of the two sees the other.
///
/// Threads: any.
class event_count {
public:
    static constexpr unsigned most_looks = 64;

    /// Does nothing when it is in it already.
    void enter(sleeper& s) noexcept {
        const std::lock_guard lock{mutex_};
        if (s.linked()) return;
        sleepers_.push_back(s);
        count_.fetch_add(1);
    }
    /// Afterwards nobody notifies it. False when somebody has, or it was not there.
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

    /// How often in a row to look again before one sleeps: what those who slept found worthwhile.
    unsigned looks() const noexcept { return looks_.load(std::memory_order_relaxed); }
    void looks(unsigned n) noexcept { looks_.store(n, std::memory_order_relaxed); }

private:
    [[gnu::noinline]] void wake(std::size_t most) noexcept {
        // Under the lock, because whoever is notified may be gone as soon as it can leave.
        const std::lock_guard lock{mutex_};
        for (; most != 0 && !sleepers_.empty(); --most) {
            count_.fetch_sub(1);
            sleepers_.pop_front().notify();
        }
    }

    std::mutex mutex_;
    intrusive_list<sleeper> sleepers_; // guarded by mutex_
    std::atomic<std::size_t> count_ = 0;
    std::atomic<unsigned> looks_ = most_looks;
};

/// What an operation on an executor keeps while it may have to sleep in a room. It stays where it is once it was
/// polled.
///
/// A notification that it was given and has made no use of is passed on, when it has what it wanted or is dropped.
class parked_operation {
public:
    /// To sleep without having looked several times.
    struct at_once {};

    parked_operation() noexcept = default;
    explicit parked_operation(at_once) noexcept : slept_{true} {}

    /// Whether to answer `pending`; if not, the operation tries again.
    /// @param blocked  whether there is still nothing to be had
    template <class Blocked>
    bool rest(context& cx, event_count& room, Blocked blocked) {
        if (entered_) {
            if (!in_room_->event.poll(cx)) return true;
            entered_ = false;
            owes_ = true;
        }
        if (look_again(cx, room)) return true;
        if (!in_room_) in_room_.emplace(cx.executor());
        while (in_room_->event.poll(cx)) {} // forgets what came late; then it is woken by what is new
        room.enter(*in_room_);
        entered_ = true;
        return blocked();
    }

    /// It has what it wanted, or wants it no more.
    template <class Blocked>
    void leave(event_count& room, Blocked blocked) noexcept {
        // It may be in the room even so, when a late notification has got it out of its sleep.
        if (in_room_ && !room.leave(*in_room_) && entered_) owes_ = true;
        entered_ = false;
        if (owes_ && !blocked()) room.wake_one();
        owes_ = false;
    }
    /// The same at its end.
    template <class Blocked>
    void end(event_count& room, Blocked blocked) noexcept {
        leave(room, blocked); // waits for whoever notifies it at this moment
        in_room_.reset();
    }

    /// It has found something.
    void rewarded(context& cx, event_count& room) noexcept {
        if (looked_ == 0) return;
        if (slept_) {
            const bool soon = cx.executor().now() - slept_at_ < std::chrono::microseconds{50};
            room.looks(soon ? event_count::most_looks : std::max(room.looks() / 2, 1U));
        }
        slept_ = false;
        looked_ = 0;
    }

private:
    struct member final : sleeper {
        explicit member(executor& ex) noexcept : event{ex} {}
        void notify() noexcept override { event.notify(); }

        remote_event event;
    };

    /// To be woken costs both threads much more than a turn of the executor: where what it waits for uses to come soon,
    /// it looks again for about as long as a sleep would take.
    bool look_again(context& cx, event_count& room) noexcept {
        static constexpr unsigned first_looks = 8; // in the time in which whoever runs already would answer
        if (slept_ || looked_ >= room.looks()) {
            if (!slept_) slept_at_ = cx.executor().now();
            slept_ = true;
            return false;
        }
        if (++looked_ > first_looks) std::this_thread::yield(); // to whom it waits for, where they share a processor
        static_cast<void>(cx.yield());
        return true;
    }

    std::optional<member> in_room_;
    time_point slept_at_{};
    unsigned looked_ = 0;
    bool slept_ = false;
    bool entered_ = false;
    bool owes_ = false;
};

/// The same for a thread that has no executor.
class parked_thread final : private sleeper {
public:
    /// Returns when it is worthwhile to try again.
    template <class Blocked>
    void rest(event_count& room, Blocked blocked) {
        if (looked_ != event_count::most_looks) {
            ++looked_;
            std::this_thread::yield();
            return;
        }
        looked_ = 0;
        {
            const std::lock_guard lock{mutex_};
            notified_ = false;
        }
        room.enter(*this);
        if (blocked()) {
            std::unique_lock lock{mutex_};
            wake_up_.wait(lock, [this] { return notified_; });
        }
        owes_ = !room.leave(*this);
    }
    template <class Blocked>
    void leave(event_count& room, Blocked blocked) noexcept {
        if (owes_ && !blocked()) room.wake_one();
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
    unsigned looked_ = 0;
    bool owes_ = false;
};

} // namespace weir::detail

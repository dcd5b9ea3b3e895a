// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <stdexcept>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/closed.hpp>
#include <weir/sync/detail/permits.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/detail/wait_queue.hpp>
#include <weir/sync/mutex.hpp>

namespace weir {

namespace detail {

/// A request that waits for a condition and then for the guard's mutex.
class condition_request : public permits::request {
public:
    enum class notified : std::uint8_t { no, alone, with_all };

    condition_request() noexcept : request{1} {}

    void start(permits& lock) noexcept { lock_ = &lock; }
    notified how() const noexcept { return how_; }

private:
    friend class condition_core;

    permits* lock_ = nullptr;
    notified how_ = notified::no;
};

class condition_core : public shared_state {
public:
    void enter(condition_request& r) noexcept {
        waiters_.enter(r);
        if (!open_) waiters_.release_front(wait_state::refused);
    }

    void notify_one() noexcept {
        if (!waiters_.empty()) notify_front(condition_request::notified::alone);
    }
    void notify_all() noexcept {
        while (!waiters_.empty()) notify_front(condition_request::notified::with_all);
    }

    bool open() const noexcept { return open_; }
    void producers_left() noexcept {
        open_ = false;
        waiters_.release_all(wait_state::refused);
    }

private:
    friend described;

    void describe(wait_report& report) const { report.object(this, "weir::condition", "not notified"); }
    void notify_front(condition_request::notified how) noexcept {
        condition_request& first = waiters_.take_front();
        first.how_ = how;
        first.lock_->enter(first);
    }

    wait_queue<condition_request> waiters_{*this};
    bool open_ = true;
};

template <class T>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] condition_wait_operation {
    using mutex_user = handle<mutex_core<T>, role::other>;

public:
    using result_type = unit;

    condition_wait_operation(handle<condition_core, role::other> condition, mutex_user& guarded) noexcept
        : condition_{std::move(condition)}, guarded_{&guarded} {}
    condition_wait_operation(condition_wait_operation&&) noexcept = default;
    ~condition_wait_operation() {
        if (!mutex_) return;
        if (request_.how() == condition_request::notified::no) {
            request_.unlink();
            return;
        }
        mutex_->lock.leave(request_);
        if (request_.how() == condition_request::notified::alone) condition_->notify_one();
    }

    poll<unit> poll_result(context& cx) {
        if (!mutex_) start();
        if (request_.how() == condition_request::notified::no) {
            if (request_.state() == wait_state::refused) throw closed{"weir::condition"};
            return request_.wait(cx);
        }
        if (mutex_->lock.acquire(request_, cx).is_pending()) return pending;
        *guarded_ = std::move(mutex_);
        return unit{};
    }

private:
    void start() {
        if (!*guarded_) throw std::logic_error{"weir::condition::wait(guard): the guard does not hold its mutex"};
        mutex_ = std::move(*guarded_);
        request_.start(mutex_->lock);
        condition_->enter(request_);
        mutex_->lock.give_back(1);
    }

    handle<condition_core, role::other> condition_;
    mutex_user* guarded_; // in the guard
    mutex_user mutex_;    // holds the mutex while the guard does not
    condition_request request_;
};

} // namespace detail

/// Lets tasks on one executor wait until something that a mutex guards has changed.
///
///     auto jobs = co_await queue.lock();                    // weir::mutex<std::deque<job>> queue
///     while (jobs->empty()) co_await changed.wait(jobs);    // weir::condition changed
///     run(jobs->front());
///
/// A task that has changed the value calls `notify_one` or `notify_all`. A notified waiter continues when it has the
/// mutex, for which it queues like any other task. There are no spurious wake-ups.
///
/// Errors: waiters get `closed` when the condition is destroyed, or the mutex after their notification.
/// Threads: the condition, the mutex and the waiters belong to one executor.
/// Cost: one allocation per condition, none per wait.
/// See: mutex, event.
class condition {
public:
    condition() : core_{*new detail::condition_core} {}
    condition(condition&&) noexcept = default;
    condition& operator=(condition&&) noexcept = default;

    /// `co_await c.wait(guard)`: unlocks the mutex, waits for a notification, and locks the mutex again.
    ///
    /// When the wait fails or is dropped, the guard holds no mutex, and an unused notification is passed on.
    /// Lifetime: borrows the guard, which must hold its mutex.
    /// @throws when awaited: closed; std::logic_error when the guard does not hold its mutex
    template <class T>
    detail::condition_wait_operation<T> wait(mutex_guard<T>& guard) const noexcept {
        return {detail::handle<detail::condition_core, detail::role::other>{core_}, guard.core_};
    }

    /// Notifies the waiter that has waited longest.
    void notify_one() const noexcept { core_->notify_one(); }
    /// Notifies all present waiters.
    void notify_all() const noexcept { core_->notify_all(); }

private:
    detail::handle<detail::condition_core, detail::role::producer> core_;
};

} // namespace weir

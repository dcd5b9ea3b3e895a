// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/detail/permits.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir {

namespace detail {

template <class T>
struct mutex_core : shared_state {
    template <class... Args>
    explicit mutex_core(Args&&... args) : value(std::forward<Args>(args)...) {}

    void producers_left() noexcept { lock.close(); }

    permits lock{1, "weir::mutex"};
    [[no_unique_address]] std::conditional_t<std::is_void_v<T>, unit, T> value;
};

template <class T>
class lock_operation;

} // namespace detail

template <class T>
class mutex;

/// Holds a mutex and gives access to the guarded value. Unlocks the mutex when it is destroyed or unlocked.
template <class T>
class [[nodiscard("name it: the mutex is unlocked when it dies")]] mutex_guard {
public:
    mutex_guard(mutex_guard&&) noexcept = default;
    mutex_guard& operator=(mutex_guard&& other) noexcept {
        if (this == &other) return *this;
        unlock();
        core_ = std::move(other.core_);
        return *this;
    }
    ~mutex_guard() { unlock(); }

    void unlock() noexcept {
        if (core_) core_->lock.give_back(1);
        core_.reset();
    }

    /// Whether it holds the mutex: it was neither unlocked nor moved from.
    explicit operator bool() const noexcept { return static_cast<bool>(core_); }

    auto& operator*() const noexcept
        requires(!std::is_void_v<T>)
    {
        WEIR_ASSERT(core_, "mutex_guard: it does not hold the mutex");
        return core_->value;
    }
    auto* operator->() const noexcept
        requires(!std::is_void_v<T>)
    {
        return std::addressof(**this);
    }

private:
    friend class mutex<T>;
    friend class condition;
    friend class detail::lock_operation<T>;
    using user = detail::handle<detail::mutex_core<T>, detail::role::other>;

    explicit mutex_guard(user core) noexcept : core_{std::move(core)} {}

    user core_;
};

namespace detail {

template <class T>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] lock_operation {
public:
    using result_type = mutex_guard<T>;

    lock_operation(lock_operation&&) noexcept = default;
    ~lock_operation() {
        if (core_) core_->lock.leave(request_);
    }

    poll<mutex_guard<T>> poll_result(context& cx) {
        if (core_->lock.acquire(request_, cx).is_pending()) return pending;
        return mutex_guard<T>{std::move(core_)};
    }

private:
    friend class mutex<T>;

    explicit lock_operation(handle<mutex_core<T>, role::other> core) noexcept : core_{std::move(core)} {}

    handle<mutex_core<T>, role::other> core_; // null once it has ended
    permits::request request_{1};
};

} // namespace detail

/// mutex<T>: a T that one task on an executor may use at a time, across its suspensions. mutex<>: the lock alone.
///
///     weir::mutex<database> db{"orders.db"};
///
///     weir::task<> transfer(account from, account to, money amount) {
///         auto locked = co_await db.lock();
///         co_await locked->debit(from, amount);
///         co_await locked->credit(to, amount);
///     }
///
/// The mutex is fair: waiters get the lock in order of arrival. A task that locks it twice waits forever. Code that
/// does not suspend while it uses the T needs no mutex, because an executor runs one task at a time.
///
/// Errors: waiters get `closed` when the mutex is destroyed. A guard, and the T with it, may outlive the mutex.
/// Threads: the mutex, its guards and its waiters belong to one executor. It does not protect the T from other threads.
/// Cost: one allocation per mutex, none per wait.
/// See: condition, semaphore.
template <class T = void>
class mutex {
public:
    template <class... Args>
        requires(std::is_void_v<T> ? sizeof...(Args) == 0 : std::constructible_from<T, Args...>)
    explicit mutex(Args&&... args) : core_{*new detail::mutex_core<T>(std::forward<Args>(args)...)} {}
    mutex(mutex&&) noexcept = default;
    mutex& operator=(mutex&&) noexcept = default;

    /// `co_await m.lock()`: waits for the lock and returns a mutex_guard<T>.
    /// @throws closed when awaited, if the mutex is destroyed first
    detail::lock_operation<T> lock() const noexcept { return detail::lock_operation<T>{user{core_}}; }

    /// Locks without waiting, if possible.
    [[nodiscard("name it: the mutex is unlocked when it dies")]] std::optional<mutex_guard<T>>
    try_lock() const noexcept {
        if (!core_->lock.try_acquire(1)) return std::nullopt;
        return mutex_guard<T>{user{core_}};
    }

    bool locked() const noexcept { return core_->lock.available() == 0; }

private:
    using user = detail::handle<detail::mutex_core<T>, detail::role::other>;

    detail::handle<detail::mutex_core<T>, detail::role::producer> core_;
};

template <class T>
mutex(T) -> mutex<T>;

template <class T>
inline constexpr bool thread_bound<mutex<T>> = true;
template <class T>
inline constexpr bool thread_bound<mutex_guard<T>> = true;

} // namespace weir

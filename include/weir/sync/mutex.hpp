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

/// Holds a mutex, and gives access to what it guards; lets go of it when it is destroyed or unlocked.
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

    /// It holds the mutex: it was not unlocked or moved away.
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
        if (core_->lock.take(request_, cx).is_pending()) return pending;
        return mutex_guard<T>{std::move(core_)};
    }

private:
    friend class mutex<T>;

    explicit lock_operation(handle<mutex_core<T>, role::other> core) noexcept : core_{std::move(core)} {}

    handle<mutex_core<T>, role::other> core_; // until it is over
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
/// Fair: the lock goes to those who wait in the order in which they came. Code that does not suspend while it uses a T
/// needs no mutex: an executor runs one task at a time. When the mutex dies, those who wait get the exception `closed`;
/// a guard may outlive it, and the T with it. A task that locks it twice waits for itself. One allocation for the
/// mutex, none for a wait.
///
/// Threads: the mutex, its guards and those who wait belong to one executor; it keeps no other thread away from the T.
template <class T = void>
class mutex {
public:
    template <class... Args>
        requires(std::is_void_v<T> ? sizeof...(Args) == 0 : std::constructible_from<T, Args...>)
    explicit mutex(Args&&... args) : core_{*new detail::mutex_core<T>(std::forward<Args>(args)...)} {}
    mutex(mutex&&) noexcept = default;
    mutex& operator=(mutex&&) noexcept = default;

    /// `co_await m.lock()`: waits for its turn; gives a mutex_guard<T>.
    /// @throws closed when awaited, if the mutex dies first
    detail::lock_operation<T> lock() const noexcept { return detail::lock_operation<T>{user{core_}}; }

    /// What `lock` gives, if it need not wait.
    [[nodiscard("name it: the mutex is unlocked when it dies")]] std::optional<mutex_guard<T>>
    try_lock() const noexcept {
        if (!core_->lock.try_take(1)) return std::nullopt;
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

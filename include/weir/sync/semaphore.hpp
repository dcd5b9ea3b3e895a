// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <stdexcept>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/sync/detail/permits.hpp>
#include <weir/sync/detail/shared_state.hpp>

namespace weir {

namespace detail {

struct semaphore_core : shared_state {
    explicit semaphore_core(std::size_t n) noexcept : all{n}, left{n, "weir::semaphore"} {}

    void producers_left() noexcept { left.close(); }

    const std::size_t all;
    permits left;
};

} // namespace detail

/// A number of permits for tasks on one executor, which limits how many of them do something at the same time.
///
///     weir::semaphore connections{8};
///
///     weir::task<page> fetch(url address) {
///         const auto permit = co_await connections.acquire();
///         co_return co_await download(address);
///     }
///
/// The semaphore is fair: permits are granted in order of arrival, also when the first waiter wants many.
///
/// Errors: waiters get `closed` when the semaphore is closed or destroyed.
/// Dropped: permits and waiters may outlive the semaphore.
/// Threads: the semaphore, its permits and its waiters belong to one executor.
/// Cost: one allocation per semaphore, none per wait.
/// See: mutex, bulkhead.
class semaphore {
public:
    /// @param n  the number of permits, >= 1
    /// @throws std::invalid_argument
    template <std::integral N>
    explicit semaphore(N n)
        : core_{*new detail::semaphore_core{detail::at_least_one(n, "weir::semaphore{n}: n must be at least 1")}} {}
    semaphore(semaphore&&) noexcept = default;
    semaphore& operator=(semaphore&&) noexcept = default;

    class permit;
    class acquire_operation;

    /// `co_await s.acquire(n)`: waits for n permits and returns them as one object.
    /// @param n  1 to the number of all permits
    /// @throws std::invalid_argument; closed when awaited, if the semaphore is closed first
    template <std::integral N = int>
    acquire_operation acquire(N n = 1) const;

    /// Acquires without waiting, if possible.
    /// @throws std::invalid_argument
    template <std::integral N = int>
    [[nodiscard("name it: the permit is returned when it dies")]] std::optional<permit> try_acquire(N n = 1) const;

    /// Grants no further permits. Waiters get the exception `closed`.
    void close() const noexcept { core_->left.close(); }
    bool closed() const noexcept { return !core_->left.open(); }

    /// The number of free permits.
    std::size_t available() const noexcept { return core_->left.available(); }

private:
    template <std::integral N>
    std::size_t check(N n) const {
        if (std::cmp_less(n, 1)) throw std::invalid_argument{"weir::semaphore::acquire(n): n must be at least 1"};
        if (std::cmp_greater(n, core_->all)) {
            throw std::invalid_argument{"weir::semaphore::acquire(n): n is more than there are permits"};
        }
        return static_cast<std::size_t>(n);
    }

    detail::handle<detail::semaphore_core, detail::role::producer> core_;
};

/// One or several permits. Returned when it is destroyed or released.
class [[nodiscard("name it: the permit is returned when it dies")]] semaphore::permit {
public:
    permit(permit&&) noexcept = default;
    permit& operator=(permit&& other) noexcept {
        if (this == &other) return *this;
        release();
        core_ = std::move(other.core_);
        n_ = other.n_;
        return *this;
    }
    ~permit() { release(); }

    void release() noexcept {
        if (core_) core_->left.give_back(n_);
        core_.reset();
    }

    /// The number of permits; 0 when it was released or moved from.
    std::size_t count() const noexcept { return core_ ? n_ : 0; }

private:
    friend class semaphore;
    friend class acquire_operation;
    using user = detail::handle<detail::semaphore_core, detail::role::other>;

    permit(user core, std::size_t n) noexcept : core_{std::move(core)}, n_{n} {}

    user core_;
    std::size_t n_;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] semaphore::acquire_operation {
public:
    using result_type = permit;

    acquire_operation(acquire_operation&&) noexcept = default;
    ~acquire_operation() {
        if (core_) core_->left.leave(request_);
    }

    poll<permit> poll_result(context& cx) {
        if (core_->left.acquire(request_, cx).is_pending()) return pending;
        return permit{std::move(core_), request_.count()};
    }

private:
    friend class semaphore;

    acquire_operation(permit::user core, std::size_t n) noexcept : core_{std::move(core)}, request_{n} {}

    permit::user core_; // null once it has ended
    detail::permits::request request_;
};

template <std::integral N>
semaphore::acquire_operation semaphore::acquire(N n) const {
    return {permit::user{core_}, check(n)};
}

template <std::integral N>
std::optional<semaphore::permit> semaphore::try_acquire(N n) const {
    const std::size_t wanted = check(n);
    if (!core_->left.try_acquire(wanted)) return std::nullopt;
    return permit{permit::user{core_}, wanted};
}

template <>
inline constexpr bool thread_bound<semaphore> = true;
template <>
inline constexpr bool thread_bound<semaphore::permit> = true;

} // namespace weir

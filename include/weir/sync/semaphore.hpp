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

/// A number of permits for tasks on one executor, for as many of them as may do something at a time.
///
///     weir::semaphore connections{8};
///
///     weir::task<page> fetch(url address) {
///         const auto permit = co_await connections.acquire();
///         co_return co_await download(address);
///     }
///
/// Fair: permits are given in the order in which they were asked for, and nobody overtakes one who waits for many. When
/// the semaphore dies it is closed; permits, and those who wait, may outlive it. One allocation for the semaphore, none
/// for a wait.
///
/// Threads: the semaphore, its permits and those who wait belong to one executor.
class semaphore {
public:
    /// @param n  permits, >= 1
    /// @throws std::invalid_argument
    template <std::integral N>
    explicit semaphore(N n)
        : core_{*new detail::semaphore_core{detail::at_least_one(n, "weir::semaphore{n}: n must be at least 1")}} {}
    semaphore(semaphore&&) noexcept = default;
    semaphore& operator=(semaphore&&) noexcept = default;

    class permit;
    class acquire_operation;

    /// `co_await s.acquire(n)`: waits until there are n permits, and takes them, as one.
    /// @param n  1 to as many as there are in all
    /// @throws std::invalid_argument; closed when awaited, if there will be none
    template <std::integral N = int>
    acquire_operation acquire(N n = 1) const;

    /// What `acquire` gives, if it need not wait.
    /// @throws std::invalid_argument
    template <std::integral N = int>
    [[nodiscard("name it: the permit is returned when it dies")]] std::optional<permit> try_acquire(N n = 1) const;

    /// No more permits are given. Those who wait get the exception `closed`.
    void close() const noexcept { core_->left.close(); }
    bool closed() const noexcept { return !core_->left.open(); }

    /// Permits that nobody has.
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

/// The right to go on; given back when it is destroyed or released.
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

    /// How many it stands for; 0 when it was released or moved away.
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
        if (core_->left.take(request_, cx).is_pending()) return pending;
        return permit{std::move(core_), request_.count()};
    }

private:
    friend class semaphore;

    acquire_operation(permit::user core, std::size_t n) noexcept : core_{std::move(core)}, request_{n} {}

    permit::user core_; // until it is over
    detail::permits::request request_;
};

template <std::integral N>
semaphore::acquire_operation semaphore::acquire(N n) const {
    return {permit::user{core_}, check(n)};
}

template <std::integral N>
std::optional<semaphore::permit> semaphore::try_acquire(N n) const {
    const std::size_t wanted = check(n);
    if (!core_->left.try_take(wanted)) return std::nullopt;
    return permit{permit::user{core_}, wanted};
}

template <>
inline constexpr bool thread_bound<semaphore> = true;
template <>
inline constexpr bool thread_bound<semaphore::permit> = true;

} // namespace weir

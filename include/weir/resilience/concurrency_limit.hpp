// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/lazy_operation.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/executor.hpp>
#include <weir/resilience/detail/bounded_wait_queue.hpp>
#include <weir/resilience/overloaded.hpp>

namespace weir {

namespace detail {

class shared_limit;
template <class F>
class under_limit;

} // namespace detail

/// How a call ended, for a limit that adapts itself.
enum class verdict : std::uint8_t {
    success,  ///< its duration counts
    overload, ///< the service was overloaded
    ignored,  ///< it does not count
};

/// What a limit learns from a finished call.
struct limit_sample {
    std::size_t limit;     ///< the present limit
    std::size_t in_flight; ///< calls in flight at its start, itself included
    time_point started;
    time_point ended;
    weir::verdict verdict; ///< success or overload

    duration took() const noexcept { return ended - started; }
};

/// A limit of the operations that may run at the same time. It may be changed while it is used.
///
///     weir::concurrency_limit limit{20};
///     auto page = co_await limit.run(fetch(url));              // at most 20 at a time
///
///     auto permit = co_await limit.acquire();                  // the same by hand
///     if (auto p = co_await limit.try_acquire()) serve(...);   // or refuse it
///
///     urls | weir::map_async(limit, fetch)                     // a pipeline that follows the limit
///
/// Permits are granted in order of arrival. When the limit shrinks, running operations continue, and no other one
/// starts until their number is below the limit.
///
/// Errors: overloaded, by the queue limits; those of the operations.
/// Lifetime: cannot be moved, and must outlive its permits and waiters.
/// See: bulkhead for a short queue, adaptive_limit for a limit that adapts itself, semaphore.
class concurrency_limit {
public:
    class permit;
    class acquire_operation;
    class try_acquire_operation;
    template <detail::runnable A>
    class run_operation;

    /// @param most  the maximum number of running operations, > 0
    /// @throws std::invalid_argument when most is less than 1, or waiting.max_wait is negative
    template <std::integral N>
    explicit concurrency_limit(N most, queue_limits waiting = {})
        : concurrency_limit{detail::at_least_one(most, "weir::concurrency_limit: the limit must be at least 1"),
                            waiting, "weir::concurrency_limit"} {}
    concurrency_limit(const concurrency_limit&) = delete;
    concurrency_limit& operator=(const concurrency_limit&) = delete;
    virtual inline ~concurrency_limit();

    std::size_t limit() const noexcept { return limit_; }
    std::size_t in_flight() const noexcept { return in_flight_; }
    /// The number of waiters.
    std::size_t queued() const noexcept { return waiters_.size(); }

    /// @throws std::invalid_argument when the limit is less than 1
    template <std::integral N>
    void set_limit(N most) {
        change_limit(detail::at_least_one(most, "weir::concurrency_limit::set_limit: the limit must be at least 1"));
    }

    /// `co_await limit.acquire()`: waits for a permit. A dropped waiter leaves the queue.
    /// @throws overloaded when awaited, by the queue limits
    acquire_operation acquire() noexcept;

    /// `co_await limit.try_acquire()`: a permit, or std::nullopt when it would have to wait.
    try_acquire_operation try_acquire() noexcept;

    /// `co_await limit.run(operation)`: runs the operation with a permit and returns its result. A function that
    /// returns the operation may be passed instead; it is called when there is a permit.
    /// @throws overloaded when awaited, by the queue limits; the operation's errors
    template <class A>
    auto run(A operation);

    // The interface for map_async.
    detail::shared_limit bound() noexcept;
    template <class F>
    detail::under_limit<F> guard(F f);

protected:
    concurrency_limit(std::size_t most, queue_limits waiting, const char* name)
        : limit_{most}, waiters_{waiting, name} {}

    void change_limit(std::size_t most) noexcept;

    /// To be called when a call with a permit has ended with success or overload.
    virtual void learn(const limit_sample&) noexcept {}
    /// The verdict for an operation's error.
    virtual verdict judge(const std::exception_ptr&) { return verdict::ignored; }

private:
    friend class permit;
    friend class detail::shared_limit;
    template <class F>
    friend class detail::under_limit;

    class follower;

    bool acquire_now() noexcept {
        if (!waiters_.empty() || in_flight_ >= limit_) return false;
        ++in_flight_;
        return true;
    }
    void give_back() noexcept {
        --in_flight_;
        admit();
    }
    void admit() noexcept {
        while (!waiters_.empty() && in_flight_ < limit_) {
            ++in_flight_;
            waiters_.grant_front();
        }
    }

    std::size_t limit_;
    std::size_t in_flight_ = 0;
    detail::bounded_wait_queue waiters_;
    detail::intrusive_list<follower> followers_;
};

/// The right to run one operation, until it is released or destroyed.
class [[nodiscard("name it: the permit is returned when it dies")]] concurrency_limit::permit {
public:
    permit(permit&& other) noexcept
        : limit_{std::exchange(other.limit_, nullptr)},
          executor_{other.executor_},
          started_at_{other.started_at_},
          in_flight_{other.in_flight_} {}
    permit& operator=(permit&& other) noexcept {
        if (this == &other) return *this;
        release(verdict::ignored);
        limit_ = std::exchange(other.limit_, nullptr);
        executor_ = other.executor_;
        started_at_ = other.started_at_;
        in_flight_ = other.in_flight_;
        return *this;
    }
    ~permit() { release(verdict::ignored); }

    /// Returns the permit with a verdict, from which a limit that adapts itself learns.
    void release(verdict how) noexcept {
        concurrency_limit* limit = std::exchange(limit_, nullptr);
        if (limit == nullptr) return;
        if (how != verdict::ignored) {
            limit->learn({limit->limit_, in_flight_, started_at_, executor_->now(), how});
        }
        limit->give_back();
    }

private:
    friend class concurrency_limit;

    permit(concurrency_limit& limit, context& cx) noexcept
        : limit_{&limit}, executor_{&cx.executor()}, started_at_{cx.executor().now()}, in_flight_{limit.in_flight_} {}

    concurrency_limit* limit_;
    executor* executor_;
    time_point started_at_;
    std::size_t in_flight_;
};

/// See concurrency_limit::acquire.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] concurrency_limit::acquire_operation
    : private detail::bounded_waiter {
public:
    using result_type = permit;

    acquire_operation(acquire_operation&&) noexcept = default;
    ~acquire_operation() {
        if (state() == detail::wait_state::waiting) limit_->waiters_.leave(*this);
        if (state() == detail::wait_state::granted) limit_->give_back();
    }

    poll<permit> poll_result(context& cx) {
        if (state() == detail::wait_state::fresh) {
            if (limit_->acquire_now()) return finish(cx);
            if (limited_ == limited::yes) {
                limit_->waiters_.enter(*this, cx);
            } else {
                limit_->waiters_.enter_any(*this);
            }
        }
        if (state() == detail::wait_state::granted) return finish(cx);
        if (limit_->waiters_.keep_waiting(*this, cx)) return pending;
        limit_->waiters_.leave(*this);
        throw limit_->waiters_.waited_too_long();
    }

private:
    friend class concurrency_limit;
    template <class F>
    friend class detail::under_limit;

    /// Whether the queue limits apply to it.
    enum class limited : std::uint8_t { no, yes };

    acquire_operation(concurrency_limit& limit, limited l) noexcept : limit_{&limit}, limited_{l} {}

    permit finish(context& cx) noexcept {
        set_state(detail::wait_state::finished);
        return {*limit_, cx};
    }

    concurrency_limit* limit_;
    limited limited_;
};

/// See concurrency_limit::try_acquire.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] concurrency_limit::try_acquire_operation {
public:
    using result_type = std::optional<permit>;

    poll<result_type> poll_result(context& cx) noexcept {
        if (!limit_->acquire_now()) return poll<result_type>{std::nullopt};
        return poll<result_type>{permit{*limit_, cx}};
    }

private:
    friend class concurrency_limit;

    explicit try_acquire_operation(concurrency_limit& limit) noexcept : limit_{&limit} {}

    concurrency_limit* limit_;
};

/// See concurrency_limit::run.
template <detail::runnable A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] concurrency_limit::run_operation {
public:
    using result_type = typename detail::lazy_operation<A>::result_type;

    poll<result_type> poll_result(context& cx) {
        if (!permit_) {
            auto granted = acquire_.poll_result(cx);
            if (granted.is_pending()) return pending;
            permit_.emplace(*std::move(granted));
        }
        try {
            auto result = operation_.poll_result(cx);
            if (result.is_pending()) return pending;
            end(verdict::success);
            return result;
        } catch (...) {
            const verdict how = limit_->judge(std::current_exception());
            end(how);
            throw;
        }
    }

private:
    friend class concurrency_limit;
    template <class F>
    friend class detail::under_limit;

    run_operation(concurrency_limit& limit, A operation, acquire_operation acquire)
        : limit_{&limit}, acquire_{std::move(acquire)}, operation_(std::move(operation)) {}

    void end(verdict how) noexcept {
        operation_.reset();
        permit_->release(how);
    }

    concurrency_limit* limit_;
    acquire_operation acquire_;
    std::optional<permit> permit_;
    detail::lazy_operation<A> operation_; // destroyed before its permit
};

/// Wakes an operator when the limit has grown.
class concurrency_limit::follower : public detail::list_link {
public:
    void follow(concurrency_limit& limit, waker& operator_waker) noexcept {
        waker_ = &operator_waker;
        slot_.arm(operator_waker);
        limit.followers_.push_back(*this);
    }

    void wake() noexcept {
        if (!slot_.armed()) return; // the operator is being destroyed
        slot_.wake();
        slot_.arm(*waker_);
    }

private:
    friend detail::described;

    void describe(detail::wait_report& report) const { report.stage(nullptr, "a rise of the concurrency limit"); }

    waker* waker_ = nullptr;
    detail::described_slot slot_{*this};
};

inline concurrency_limit::~concurrency_limit() {
    WEIR_ASSERT(in_flight_ == 0, "a concurrency_limit was destroyed while it was in use");
}

inline concurrency_limit::acquire_operation concurrency_limit::acquire() noexcept {
    return {*this, acquire_operation::limited::yes};
}

inline concurrency_limit::try_acquire_operation concurrency_limit::try_acquire() noexcept {
    return try_acquire_operation{*this};
}

template <class A>
auto concurrency_limit::run(A operation) {
    if constexpr (detail::runnable<A>) {
        return run_operation<A>{*this, std::move(operation), acquire()};
    } else {
        static_assert(detail::always_false<A>, "weir::concurrency_limit::run(operation): takes a task or another "
                                               "operation, or a function that makes one");
    }
}

inline void concurrency_limit::change_limit(std::size_t most) noexcept {
    const bool grows = most > limit_;
    limit_ = most;
    if (!grows) return;
    admit();
    detail::intrusive_list<follower> all;
    all.splice(followers_);
    while (!all.empty()) {
        follower& f = all.pop_front();
        followers_.push_back(f);
        f.wake();
    }
}

namespace detail {

/// The limit of an operator over children, taken from a concurrency_limit.
class shared_limit {
public:
    explicit shared_limit(concurrency_limit& limit) noexcept : limit_{&limit} {}

    std::size_t value() const noexcept { return limit_->limit(); }
    void follow(waker& operator_waker) noexcept { follower_.follow(*limit_, operator_waker); }

private:
    concurrency_limit* limit_;
    concurrency_limit::follower follower_;
};

/// Wraps a function that returns an operation for an item. The wrapped operation first waits for a permit, without the
/// queue limits, because the operator is bounded itself. The function and the item are not moved during the wait.
template <class F>
class [[nodiscard("pass it to an operator, such as map_async(n, limit.guard(f))")]] under_limit {
public:
    under_limit(concurrency_limit& limit, F f) : limit_{&limit}, f_(std::move(f)) {}

    template <class T>
    auto operator()(T&& item) {
        auto make = [this, &item]() -> decltype(auto) { return std::invoke(f_, std::move(item)); };
        using acquire = concurrency_limit::acquire_operation;
        return concurrency_limit::run_operation<decltype(make)>{*limit_, std::move(make),
                                                                acquire{*limit_, acquire::limited::no}};
    }

private:
    concurrency_limit* limit_;
    F f_;
};

} // namespace detail

inline detail::shared_limit concurrency_limit::bound() noexcept { return detail::shared_limit{*this}; }

template <class F>
detail::under_limit<F> concurrency_limit::guard(F f) {
    return {*this, std::move(f)};
}

} // namespace weir

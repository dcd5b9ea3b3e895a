// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/thread_pool.hpp>

namespace weir {

namespace detail {

/// A function on its way through a pool, and its result on its way back. It belongs to whoever awaits it, and to the
/// pool or the inbox that it is in: the last of them destroys it.
template <class F>
class offloaded final : public pool_job, public inbox_entry, public pooled {
public:
    using result_type = typename as_result<std::invoke_result_t<F>>::type;

    offloaded(F f, executor& ex) : f_(std::move(f)), inbox_{ex.inbox()} {}

    // For whoever awaits it, on the executor's thread.

    poll<result_type> poll_result(context& cx) {
        if (!done_) {
            waiter_.arm(cx.waker());
            return pending;
        }
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return std::move(result_);
    }

    void abandon(job_queue& jobs) noexcept {
        abandoned_.store(true, std::memory_order_relaxed); // only saves a way through the inbox
        waiter_.disarm();
        if (jobs.withdraw(*this)) release();
        release();
    }

    /// The pool did not take it.
    void forget() noexcept {
        release();
        release();
    }

private:
    void work() noexcept override {
        try {
            if constexpr (std::is_same_v<result_type, unit>) {
                std::invoke(*std::move(f_));
                result_ = unit{};
            } else {
                result_ = poll<result_type>{result_type(std::invoke(*std::move(f_)))};
            }
        } catch (...) {
            error_ = std::current_exception();
        }
        f_.reset(); // here, where it may take its time
        hand_over();
    }

    void refuse() noexcept override {
        error_ = std::make_exception_ptr(pool_closed{});
        hand_over();
    }

    void hand_over() noexcept {
        if (abandoned_.load(std::memory_order_relaxed)) return release();
        // Out of the job, which may be gone before `enter` returns.
        const std::shared_ptr<inbox> to = std::move(inbox_);
        if (!to->enter(*this)) release();
    }

    void run() noexcept override {
        done_ = true;
        waiter_.wake();
        release();
    }
    void discard() noexcept override { release(); }

    void release() noexcept {
        // acq_rel: whoever comes last sees all that the other has done.
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    std::optional<F> f_;
    std::shared_ptr<inbox> inbox_;
    std::atomic<int> owners_ = 2;
    std::atomic<bool> abandoned_ = false;
    poll<result_type> result_{pending};
    std::exception_ptr error_;
    bool done_ = false;
    waker_slot waiter_;
};

template <class F>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] offload_operation {
    static_assert(
        crossable<std::remove_cvref_t<std::invoke_result_t<F>>>,
        "weir::offload(pool, f), map_blocking: the result of f crosses threads, and is bound to its thread, as "
        "weir::bytes are, or borrows its memory; return what owns it, such as bytes.to_string()");

public:
    using result_type = typename offloaded<F>::result_type;

    offload_operation(std::shared_ptr<job_queue> jobs, F f) : jobs_{std::move(jobs)}, f_(std::move(f)) {}
    offload_operation(offload_operation&& other)
        : jobs_{std::move(other.jobs_)}, f_{std::move(other.f_)}, job_{std::exchange(other.job_, nullptr)} {}
    ~offload_operation() {
        if (job_ != nullptr) job_->abandon(*jobs_);
    }

    poll<result_type> poll_result(context& cx) {
        if (job_ == nullptr) start(cx.executor());
        return job_->poll_result(cx);
    }

private:
    void start(executor& ex) {
        auto* const job = new offloaded<F>(*std::move(f_), ex);
        f_.reset();
        try {
            if (ex.io().works_alone()) {
                static_cast<pool_job&>(*job).work();
            } else {
                jobs_->enter(*job);
            }
        } catch (...) {
            job->forget();
            throw;
        }
        job_ = job;
    }

    std::shared_ptr<job_queue> jobs_;
    std::optional<F> f_; // until it is first polled
    offloaded<F>* job_ = nullptr;
};

} // namespace detail

/// `co_await offload(pool, f)`: calls f on a thread of the pool; what it returns or throws comes back to the executor
/// that awaits.
///
///     auto hash = [file = std::move(file)] { return sha256(file); };
///     auto digest = co_await weir::offload(pool, std::move(hash));
///
/// (A lambda that captures more than references has a name here because g++ 12 destroys it twice where it is part of
/// the awaited expression.)
///
/// f is queued when it is first polled, is called once, and is destroyed by the thread that called it. A result
/// that is a reference stays one.
///
/// Dropping it never waits: what has not begun is withdrawn, and what runs goes on to its end; its result, or its
/// error, is then for nobody. So what f refers to must live as long as f runs: capture by value.
///
/// Threads: f runs beside the executor. The pool may die first: what it has not begun fails.
/// @throws pool_closed, limit_exceeded: what the pool says when it does not take f
template <class F>
auto offload(thread_pool& pool, F f) {
    if constexpr (!std::invocable<F>) {
        static_assert(detail::always_false<F>, "weir::offload(pool, f): f cannot be called without arguments");
    } else {
        return detail::offload_operation<F>{pool.jobs(), std::move(f)};
    }
}

} // namespace weir

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
#include <weir/core/detail/locals.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/detail/locals.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/thread_pool.hpp>

namespace weir {

namespace detail {

/// A function in a pool, and its result on the way back. The awaiting operation and the pool or inbox that holds the
/// job own it together; the last owner destroys it.
template <class F>
class offloaded final : public pool_job, public inbox_entry, public pooled {
public:
    using result_type = typename as_result<std::invoke_result_t<F>>::type;

    offloaded(F f, executor& ex)
        : f_(std::move(f)), ex_{ex}, inbox_{executor_access::inbox(ex)}, locals_{locals_here()} {
        inbox_->replies().expect();
    }

    // For the awaiting operation, on the executor's thread.

    poll<result_type> poll_result(context& cx) {
        if (!done_) {
            waiter_.arm(cx.waker());
            return pending;
        }
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return std::move(result_);
    }

    void abandon(job_queue& jobs) noexcept {
        waiter_.disarm();
        if (!done_ && jobs.withdraw(*this)) forget();
        release();
    }

    /// To be called when the pool will not run the job. Releases the pool's ownership.
    void forget() noexcept {
        inbox_->replies().forget();
        release();
    }

private:
    void work() noexcept override {
        work_with_locals();
        hand_over();
    }
    void work_with_locals() noexcept {
        const locals_ref locals = std::move(locals_);
        const locals_on_thread guard{locals};
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
        f_.reset(); // on this thread, which may block
    }

    void refuse() noexcept override {
        error_ = std::make_exception_ptr(pool_closed{});
        hand_over();
    }

    void hand_over() noexcept {
        // A copy: the job may be destroyed before `enter` returns.
        const std::shared_ptr<inbox> to = std::move(inbox_);
        if (!to->enter(*this)) release();
    }

    void run() noexcept override {
        done_ = true;
        executor_access::inbox(ex_)->replies().arrived(ex_.now());
        waiter_.wake();
        release();
    }
    void discard() noexcept override { release(); }

    void release() noexcept {
        // acq_rel: the last owner sees all writes of the other.
        if (owners_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
    }

    std::optional<F> f_;
    executor& ex_; // for `run`
    std::shared_ptr<inbox> inbox_;
    locals_ref locals_; // until it runs
    std::atomic<int> owners_ = 2;
    poll<result_type> result_{pending};
    std::exception_ptr error_;
    bool done_ = false;
    marked_slot<slot_mark::thread> waiter_;
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
            job->abandon(*jobs_);
            throw;
        }
        job_ = job;
    }

    std::shared_ptr<job_queue> jobs_;
    std::optional<F> f_; // until the first poll
    offloaded<F>* job_ = nullptr;
};

} // namespace detail

/// `co_await offload(pool, f)`: calls f on a thread of the pool and returns its result to the awaiting executor.
///
///     auto hash = [file = std::move(file)] { return sha256(file); };
///     auto digest = co_await weir::offload(pool, std::move(hash));
///
/// (The lambda has a name because g++ 12 destroys a temporary lambda with captures by value twice in an awaited
/// expression.)
///
/// f is queued at the first poll, is called once, and is destroyed by the thread that called it. A reference result
/// stays a reference.
///
/// Errors: exceptions of f. pool_closed when the pool is closed or destroyed before f started. limit_exceeded when the
/// pool's queue is full.
/// Dropped: never waits. A job that has not started is withdrawn. A running f runs to its end, and its result is
/// discarded; what f refers to must exist as long, so capture by value.
/// Threads: f runs on a thread of the pool, concurrently with the executor.
/// Cost: one allocation per call, from a pool. As long as calls are short, a waiting executor and idle threads of the
/// pool spin for up to 50 us before they sleep, since waking a thread costs more than a short call.
/// See: map_blocking, thread_pool, spawn_on.
template <class F>
auto offload(thread_pool& pool, F f) {
    if constexpr (!std::invocable<F>) {
        static_assert(detail::always_false<F>, "weir::offload(pool, f): f cannot be called without arguments");
    } else {
        return detail::offload_operation<F>{pool.jobs(), std::move(f)};
    }
}

} // namespace weir

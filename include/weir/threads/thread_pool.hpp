// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <condition_variable>
#include <cstddef>
#include <limits>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <thread>
#include <vector>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/intrusive_list.hpp>

namespace weir {

/// Thrown for a job that a thread_pool did not run, because it was closed before.
class pool_closed : public std::runtime_error {
public:
    pool_closed() : std::runtime_error{""} {} // empty, so that it needs no memory
    const char* what() const noexcept override { return "weir::offload: the thread pool is closed"; }
};

struct thread_pool_options {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// The maximum number of waiting jobs. Further jobs are refused with `limit_exceeded`.
    std::size_t max_queued = unlimited;
};

namespace detail {

/// A job for a thread of a pool. Exactly one of `work`, on such a thread, and `refuse` is called.
class pool_job : private list_link {
public:
    pool_job() noexcept = default;
    pool_job(const pool_job&) = delete;
    pool_job& operator=(const pool_job&) = delete;

    virtual void work() noexcept = 0;
    /// Called when the pool was closed before the job started.
    virtual void refuse() noexcept = 0;

protected:
    virtual ~pool_job() = default; // friends could delete a job, which compilers warn of

private:
    friend class job_queue;
    friend class intrusive_list<pool_job>;
};

/// The queue of a pool's jobs. It may outlive the pool.
///
/// Threads: any.
class job_queue {
public:
    explicit job_queue(std::size_t max_queued) noexcept : max_queued_{max_queued} {}
    job_queue(const job_queue&) = delete;
    job_queue& operator=(const job_queue&) = delete;

    /// @throws pool_closed, limit_exceeded
    void enter(pool_job& job);
    /// Returns true when the job was waiting; it is then never run.
    bool withdraw(pool_job& job) noexcept;
    std::size_t size() const noexcept;

    void close() noexcept;
    /// Runs jobs until the queue is closed.
    void work() noexcept;

private:
    mutable std::mutex mutex_; // guards all members below
    std::condition_variable available_;
    intrusive_list<pool_job> jobs_;
    std::size_t size_ = 0;
    std::size_t asleep_ = 0;   // the number of sleeping threads
    std::size_t spinning_ = 0; // the number of threads that look again before they sleep
    bool open_ = true;
    const std::size_t max_queued_;
};

} // namespace detail

/// Threads for work that would block an executor: long computations and blocking calls.
///
///     weir::thread_pool pool{4};
///     auto image = co_await weir::offload(pool, [&] { return decode(path); });
///
/// Jobs start in order of arrival.
///
/// Errors: pool_closed for jobs that have not started when the pool is closed; limit_exceeded when the queue is full.
/// Dropped: the destructor closes the pool and waits for the running jobs.
/// Threads: all members except the constructor and the destructor may be called on any thread.
/// See: offload, map_blocking.
class thread_pool {
public:
    /// @param threads  the number of threads, > 0
    /// @throws std::invalid_argument, and std::system_error when a thread cannot be created
    template <std::integral N>
    explicit thread_pool(N threads, thread_pool_options options = {})
        : thread_pool{options, detail::at_least_one(threads, "weir::thread_pool: there must be at least 1 thread")} {}
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool() { stop(); }

    /// Refuses further jobs and those that wait. Does not wait for running jobs.
    void close() noexcept { jobs_->close(); }

    std::size_t size() const noexcept { return threads_.size(); }
    /// The number of waiting jobs.
    std::size_t queued() const noexcept { return jobs_->size(); }

    const std::shared_ptr<detail::job_queue>& jobs() const noexcept { return jobs_; }

private:
    thread_pool(thread_pool_options options, std::size_t threads);

    void stop() noexcept;

    const std::shared_ptr<detail::job_queue> jobs_;
    std::vector<std::thread> threads_;
};

} // namespace weir

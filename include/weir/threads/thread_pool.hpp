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

/// A job was not done because its thread_pool takes no more, or was closed before it came to it.
class pool_closed : public std::runtime_error {
public:
    pool_closed() : std::runtime_error{""} {} // empty, and so made without memory
    const char* what() const noexcept override { return "weir::offload: the thread pool is closed"; }
};

struct thread_pool_options {
    static constexpr std::size_t unlimited = std::numeric_limits<std::size_t>::max();

    /// Jobs that may wait for a thread. What comes when so many wait is turned away with `limit_exceeded`.
    std::size_t max_queued = unlimited;
};

namespace detail {

/// Something for a thread of a pool to do. It is given either to `work`, on such a thread, or to `refuse`.
class pool_job : private list_link {
public:
    pool_job() noexcept = default;
    pool_job(const pool_job&) = delete;
    pool_job& operator=(const pool_job&) = delete;

    virtual void work() noexcept = 0;
    /// The pool was closed before the job's turn.
    virtual void refuse() noexcept = 0;

protected:
    virtual ~pool_job() = default; // friends could delete a job, which compilers warn of

private:
    friend class job_queue;
    friend class intrusive_list<pool_job>;
};

/// What the threads of a pool have to do. It outlives the pool as long as somebody holds it.
///
/// Threads: any.
class job_queue {
public:
    explicit job_queue(std::size_t max_queued) noexcept : max_queued_{max_queued} {}
    job_queue(const job_queue&) = delete;
    job_queue& operator=(const job_queue&) = delete;

    /// @throws pool_closed, limit_exceeded
    void enter(pool_job& job);
    /// True when the job waited for a thread; then it will not be done.
    bool withdraw(pool_job& job) noexcept;
    std::size_t size() const noexcept;

    void close() noexcept;
    /// Does jobs until the queue is closed.
    void work() noexcept;

private:
    mutable std::mutex mutex_; // guards all that follows
    std::condition_variable available_;
    intrusive_list<pool_job> jobs_;
    std::size_t size_ = 0;
    std::size_t idle_ = 0; // threads that wait
    bool open_ = true;
    const std::size_t max_queued_;
};

} // namespace detail

/// Threads for work that would hold up an executor: long computations, and calls that block.
///
///     weir::thread_pool pool{4};
///     auto image = co_await weir::offload(pool, [&] { return decode(path); });
///
/// Jobs begin in the order in which they came. Destroying the pool closes it and waits for the jobs that run: whoever
/// awaits one of the others gets `pool_closed`.
///
/// Threads: all but the constructor and the destructor may be called from any thread.
class thread_pool {
public:
    /// @param threads  > 0
    /// @throws std::invalid_argument, and std::system_error when there cannot be so many threads
    template <std::integral N>
    explicit thread_pool(N threads, thread_pool_options options = {})
        : thread_pool{options, detail::at_least_one(threads, "weir::thread_pool: there must be at least 1 thread")} {}
    thread_pool(const thread_pool&) = delete;
    thread_pool& operator=(const thread_pool&) = delete;
    ~thread_pool() { stop(); }

    /// Takes no more jobs, and does not begin those that wait. Does not wait for those that run.
    void close() noexcept { jobs_->close(); }

    std::size_t size() const noexcept { return threads_.size(); }
    /// Jobs that wait for a thread.
    std::size_t queued() const noexcept { return jobs_->size(); }

    const std::shared_ptr<detail::job_queue>& jobs() const noexcept { return jobs_; }

private:
    thread_pool(thread_pool_options options, std::size_t threads);

    void stop() noexcept;

    const std::shared_ptr<detail::job_queue> jobs_;
    std::vector<std::thread> threads_;
};

} // namespace weir

// SPDX-License-Identifier: MIT
#include <weir/threads/thread_pool.hpp>

#include <string>

#include <weir/core/limit_exceeded.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/detail/adaptive_spin.hpp>

namespace weir {

namespace detail {

void job_queue::enter(pool_job& job) {
    bool wake = false;
    {
        const std::lock_guard lock{mutex_};
        if (!open_) throw pool_closed{};
        if (size_ >= max_queued_) {
            throw limit_exceeded{"weir::offload: the thread pool is behind: " + std::to_string(size_) +
                                 " jobs are queued"};
        }
        jobs_.push_back(job);
        ++size_;
        wake = asleep_ != 0 && size_ > spinning_;
    }
    if (wake) available_.notify_one();
}

bool job_queue::withdraw(pool_job& job) noexcept {
    const std::lock_guard lock{mutex_};
    list_link& place = job;
    if (!place.linked()) return false;
    place.unlink();
    --size_;
    return true;
}

std::size_t job_queue::size() const noexcept {
    const std::lock_guard lock{mutex_};
    return size_;
}

void job_queue::close() noexcept {
    for (;;) {
        pool_job* job = nullptr;
        {
            // One by one, because a job may be withdrawn while others are refused.
            const std::lock_guard lock{mutex_};
            open_ = false;
            if (jobs_.empty()) break;
            job = &jobs_.pop_front();
            --size_;
        }
        job->refuse();
    }
    available_.notify_all();
}

void job_queue::work() noexcept {
    adaptive_spin spin;
    unsigned spin_limit = adaptive_spin::max_turns;
    std::unique_lock lock{mutex_};
    for (;;) {
        while (jobs_.empty()) {
            if (!open_) return;
            ++spinning_;
            lock.unlock();
            const bool again = spin.again(spin_limit, clock::now());
            lock.lock();
            --spinning_;
            if (again || !open_ || !jobs_.empty()) continue;
            ++asleep_;
            available_.wait(lock);
            --asleep_;
        }
        if (spin.waited()) spin_limit = spin.succeeded(spin_limit, clock::now());
        pool_job& job = jobs_.pop_front();
        --size_;
        lock.unlock();
        job.work();
        lock.lock();
    }
}

} // namespace detail

thread_pool::thread_pool(thread_pool_options options, std::size_t threads)
    : jobs_{std::make_shared<detail::job_queue>(options.max_queued)} {
    try {
        threads_.reserve(threads);
        while (threads_.size() != threads) threads_.emplace_back([jobs = jobs_] { jobs->work(); });
    } catch (...) {
        stop();
        throw;
    }
}

void thread_pool::stop() noexcept {
    jobs_->close();
    for (std::thread& t : threads_) {
        // A job may own the last handle of its pool.
        if (t.get_id() == std::this_thread::get_id()) {
            t.detach();
        } else {
            t.join();
        }
    }
}

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/adaptive_spin.hpp>

namespace weir {

class backend;

namespace detail {

class inbox;

/// A job from another thread for an executor. It is created on any thread, and run and destroyed on the executor's
/// thread.
class inbox_entry : private list_link {
public:
    inbox_entry() noexcept = default;
    inbox_entry(const inbox_entry&) = delete;
    inbox_entry& operator=(const inbox_entry&) = delete;

    virtual void run() noexcept = 0;
    /// Called when the executor is destroyed and will not run the entry.
    virtual void discard() noexcept = 0;

protected:
    virtual ~inbox_entry() = default; // virtual only because compilers warn that friends could delete an entry

private:
    friend class inbox;
    friend class intrusive_list<inbox_entry>;
};

/// The queue through which other threads reach an executor. It may outlive the executor.
///
/// Threads: `enter` and `leave` may be called on any thread, all else on the executor's.
class inbox {
public:
    explicit inbox(backend& io) noexcept : io_{&io} {}
    inbox(const inbox&) = delete;
    inbox& operator=(const inbox&) = delete;

    /// Has no effect when the entry is in the queue already. Returns false when the executor was destroyed, so that the
    /// entry will not run.
    bool enter(inbox_entry& entry) noexcept;
    void leave(inbox_entry& entry) noexcept;

    /// Whether an entry was added since the last `run`.
    bool notified() const noexcept { return notified_.load(std::memory_order_relaxed); }
    /// Runs the present entries. An entry that enters again waits for the next turn.
    void run() noexcept;
    /// To be called when the executor is destroyed. Discards all entries.
    void close() noexcept;

    /// The replies that operations of the executor wait for.
    expected_replies& replies() noexcept { return replies_; }

    // For threads that wait for the executor's progress.

    /// To be called when a thread starts or stops running the executor.
    void served(bool by_somebody) noexcept;
    /// Notifies the threads in `wait_for`. May be called on any thread.
    void changed() noexcept {
        changes_.fetch_add(1);
        changes_.notify_all();
    }
    /// Blocks the thread until `over` returns true. It does not block when no thread runs the executor, or when that
    /// thread waits in the same way for an executor that this thread runs.
    /// @param own  the inbox of the executor that this thread runs, or null
    template <class F>
    void wait_for(F over, inbox* own) noexcept {
        if (!start_waiting(own)) return;
        for (;;) {
            const std::uint32_t seen = changes_.load();
            if (over() || !served_.load()) break;
            changes_.wait(seen);
        }
        end_waiting(own);
    }

private:
    expected_replies replies_;
    std::mutex mutex_;
    intrusive_list<inbox_entry> entries_; // guarded by mutex_
    bool open_ = true;                    // guarded by mutex_
    std::mutex io_mutex_;
    backend* io_; // guarded by io_mutex_
    // True from the first entry until the executor takes the entries, so that one wake serves many. The exchange in
    // enter() is acq_rel, the one in run() pairs with it.
    std::atomic<bool> notified_ = false;
    std::atomic<bool> served_ = false;
    std::atomic<std::uint32_t> changes_ = 0;
    inbox* waits_for_ = nullptr; // the inbox that this one's thread waits for; guarded by one mutex for all inboxes

    bool start_waiting(inbox* own) noexcept;
    void end_waiting(inbox* own) noexcept;
};

} // namespace detail

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class backend;

namespace detail {

class inbox;

/// Something that another thread wants an executor to do. Entries are created anywhere, and run and destroyed on the
/// executor's thread.
class inbox_entry : private list_link {
public:
    inbox_entry() noexcept = default;
    inbox_entry(const inbox_entry&) = delete;
    inbox_entry& operator=(const inbox_entry&) = delete;

    virtual void run() noexcept = 0;
    /// The executor is going away and will not run it.
    virtual void discard() noexcept = 0;

protected:
    virtual ~inbox_entry() = default; // friends could delete an entry, which compilers warn of

private:
    friend class inbox;
    friend class intrusive_list<inbox_entry>;
};

/// Where an executor gets what other threads want it to do. Whoever holds it may outlive the executor.
///
/// Threads: `enter` and `leave` from any thread, the rest from the executor's.
class inbox {
public:
    explicit inbox(backend& io) noexcept : io_{&io} {}
    inbox(const inbox&) = delete;
    inbox& operator=(const inbox&) = delete;

    /// Does nothing when the entry is in it already. False when the executor is gone: the entry will not run.
    bool enter(inbox_entry& entry) noexcept;
    void leave(inbox_entry& entry) noexcept;

    /// Something has entered since the last `run`.
    bool notified() const noexcept { return notified_.load(std::memory_order_relaxed); }
    /// Runs what is there now: an entry that enters again waits for the next turn.
    void run() noexcept;
    /// The executor goes away. Discards what is there.
    void close() noexcept;

    // For who must know that the executor has done something.

    /// While somebody runs the executor; then what has entered runs first.
    void served(bool by_somebody) noexcept;
    /// Something happened that somebody may wait for. From any thread.
    void changed() noexcept {
        changes_.fetch_add(1);
        changes_.notify_all();
    }
    /// Holds up the thread until it is over, for as long as another thread runs the executor: not when nobody does, and
    /// not when that one waits in the same way for an executor that this thread runs.
    /// @param own  the inbox of that executor; null where none runs
    template <class F>
    void wait_for(F over, inbox* own) noexcept {
        if (!begin_waiting(own)) return;
        for (;;) {
            const std::uint32_t seen = changes_.load();
            if (over() || !served_.load()) break;
            changes_.wait(seen);
        }
        end_waiting(own);
    }

private:
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
    inbox* waits_for_ = nullptr; // whose thread holds up this one's: guarded by a mutex of all

    bool begin_waiting(inbox* own) noexcept;
    void end_waiting(inbox* own) noexcept;
};

} // namespace detail

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <climits>
#include <optional>
#include <utility>
#include <vector>

#include <weir/backend/io_operation.hpp>

#include "kernel/kernel_backend.hpp"

namespace weir::kernel {

/// Whether a descriptor refers to a FIFO or a pipe.
bool is_fifo(int fd) noexcept;

/// The opens of FIFOs for reading that wait for a writer. Each keeps the reading end that it has opened in non-blocking
/// mode, and completes with it: a writer that comes and goes in the meantime leaves its mark there. A second, blocking
/// open would not see that writer.
///
/// inotify reports that a FIFO was opened. A timer checks the FIFOs for which there is no inotify (its limits are
/// reached, or /proc is not mounted), or no tee(2) (a sandbox forbids it): after 1 ms, and then with twice the delay
/// each time, up to 64 ms.
///
/// Threads: the members belong to the backend's thread.
class fifo_opens {
public:
    /// The answer of `await_writer` for an open that waits.
    static constexpr int waits = INT_MIN;

    fifo_opens() noexcept = default;
    fifo_opens(const fifo_opens&) = delete;
    fifo_opens& operator=(const fifo_opens&) = delete;
    ~fifo_opens();

    /// Takes the descriptor that an open for reading has produced.
    /// @returns the descriptor when the open is complete; minus the error number when the open cannot wait, with the
    ///          descriptor closed; otherwise `waits`
    int await_writer(io_operation& operation, int fd) noexcept;

    bool empty() const noexcept { return waiting_.empty(); }
    /// A descriptor that is readable when `check` has something to do, or -1 before an open has waited.
    int pollable() const noexcept { return poller_ ? poller_->get() : -1; }

    /// Calls done(operation, descriptor) for each open whose writer has come.
    template <class F>
    void check(F done) noexcept {
        find_due();
        for (std::size_t i = 0; i != waiting_.size();) {
            const waiting_open open = waiting_[i];
            waiting_[i].due = false;
            if (!open.due || !writer_seen(open.fd)) {
                ++i;
                continue;
            }
            remove(i);
            done(*open.operation, open.fd);
        }
        if (timer_fired_) start_timer(delay_ * 2);
    }

    /// Ends the wait of an open and closes its descriptor. Returns whether it has waited.
    bool cancel(const io_operation& operation) noexcept;

private:
    struct waiting_open {
        io_operation* operation;
        int fd;
        int watch; // the number of the inotify watch, or -1 when the timer checks the FIFO
        bool due;
    };

    static constexpr std::chrono::milliseconds first_delay{1};
    static constexpr std::chrono::milliseconds longest_delay{64};

    bool writer_seen(int fd) noexcept;
    int open_own_descriptors() noexcept;
    int add_watch(int fd) noexcept;
    void remove_unused_watch(int watch) noexcept;
    void remove(std::size_t index) noexcept;
    void start_timer(std::chrono::milliseconds delay) noexcept;
    void find_due() noexcept;

    std::vector<waiting_open> waiting_;
    // Opened when an open waits for the first time. There may be no inotify.
    std::optional<std::pair<owned_fd, owned_fd>> spare_; // the two ends of the pipe that tee(2) needs
    std::optional<owned_fd> poller_;                     // an epoll instance over the other two
    std::optional<owned_fd> timer_;
    std::optional<owned_fd> inotify_;
    std::chrono::milliseconds delay_ = first_delay;
    bool timer_fired_ = false;
    bool tee_works_ = true;
};

} // namespace weir::kernel

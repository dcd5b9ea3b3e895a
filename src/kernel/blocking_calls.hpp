// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include <weir/backend/io_operation.hpp>

#include "kernel/kernel_backend.hpp"

namespace weir::kernel {

struct blocking_threads;

/// A system call on a file that may wait for a disk or for the reader of a FIFO, and all that the call uses: a
/// descriptor of its own, a buffer of its own, and a copy of the path; a close owns the descriptor itself. It may
/// outlive the operation it is for.
class blocking_call : private detail::list_link {
public:
    /// The size of one transfer, because each call allocates its buffer.
    static constexpr std::size_t most_at_once = std::size_t{1} << 20;

    /// @param operation  a read or a write of a file, a sync, an open, or a close
    /// @returns null with errno when there is no memory or no descriptor for it
    static std::unique_ptr<blocking_call> create(io_operation& operation) noexcept;
    blocking_call(const blocking_call&) = delete;
    blocking_call& operator=(const blocking_call&) = delete;
    ~blocking_call();

    io_operation& operation() noexcept { return *operation_; }
    /// Hands over what the call produced, and returns its result.
    int deliver() noexcept;

private:
    friend struct blocking_threads;
    friend class blocking_calls;
    friend class detail::intrusive_list<blocking_call>;

    enum class stage : unsigned char { queued, running, finished };

    struct free_memory {
        void operator()(void* memory) const noexcept;
    };

    explicit blocking_call(io_operation& operation) noexcept : operation_{&operation}, request_{operation.request()} {}

    void run(blocking_threads& threads) noexcept;
    int open(blocking_threads& threads) noexcept;
    int await_reader(blocking_threads& threads, int named) noexcept;

    io_operation* const operation_; // valid until the call is abandoned
    io_request request_;
    int fd_ = -1;                // a duplicate; for an open, the FIFO; for a close, the file
    int directory_ = -1;         // a duplicate of the directory that an open must not leave
    std::int64_t position_ = -1; // where a read from the descriptor's own position begins
    std::unique_ptr<void, free_memory> buffer_;
    std::string path_;
    int result_ = 0;

    // Guarded by the mutex of the threads.
    stage stage_ = stage::queued;
    bool abandoned_ = false;
    bool awaits_reader_ = false; // fd_ names the FIFO
    int reader_ = -1;            // the FIFO, opened for reading to end the wait of an abandoned open
};

/// The threads of an epoll backend for calls that may wait. Threads are started when they are needed and end when they
/// have had nothing to do for a while.
///
/// Threads: the members belong to the backend's thread.
class blocking_calls {
public:
    /// The number of threads. An open that waits for the reader of a FIFO does not count.
    static constexpr std::size_t most_threads = 8;
    /// How long the destructor waits for running calls. A call that takes longer ends by itself.
    static constexpr std::chrono::milliseconds shutdown_limit{100};

    explicit blocking_calls(kernel_backend& owner);
    blocking_calls(const blocking_calls&) = delete;
    blocking_calls& operator=(const blocking_calls&) = delete;
    ~blocking_calls();

    /// Queues a call. Returns 0, or minus the error number when no thread can be started.
    int start(std::unique_ptr<blocking_call> call) noexcept;
    /// Drops a call without waiting for it. A call that has not begun is never made, except for a close.
    void abandon(blocking_call& call) noexcept;
    /// A call that has finished, or null. The backend is notified of each.
    std::unique_ptr<blocking_call> take_finished() noexcept;

private:
    const std::shared_ptr<blocking_threads> threads_;
};

} // namespace weir::kernel

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <weir/backend/io_operation.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class backend;
class endpoint;
class executor;
class file_system;
class process_system;
class socket_system;

namespace detail {
class signal_subscription;
}

/// Closes descriptors of a backend. It may outlive the backend, as descriptors may.
///
/// Threads: any.
class descriptor_closer {
public:
    /// To be called for a new descriptor: discards what is known about earlier descriptors with its number.
    virtual void opened(int /*fd*/) noexcept {}
    virtual void close(int fd) noexcept = 0;

protected:
    ~descriptor_closer() = default;
};

/// The interface through which an executor gets time and I/O. There are backends over io_uring and epoll, and backends
/// for tests without a kernel.
///
/// Threads: all members except `notify` are called on the executor's thread.
class backend {
public:
    virtual ~backend() = default;

    virtual std::string_view name() const noexcept = 0;
    virtual time_point now() noexcept = 0;
    /// The seed of the executor's random numbers.
    virtual std::uint64_t random_seed();

    /// Starts an operation. It is completed inside `wait`, or at once inside `start`.
    virtual void start(io_operation& operation) = 0;
    /// Cancels an operation, and returns when it is complete, with its result or with -ECANCELED.
    virtual void cancel(io_operation& operation) noexcept = 0;
    /// To be called when a completed read is dropped before its answer was seen. The answer is kept for the next read
    /// of the descriptor, unless that was closed. This default loses it.
    virtual void put_back(const io_operation& /*operation*/, int /*result*/) noexcept {}

    /// Submits started operations and completes finished ones. Waits for that until `until` or `notify`.
    virtual void wait(time_point until) = 0;
    /// Ends the present or the next `wait`. May be called on any thread and in signal handlers.
    virtual void notify() noexcept = 0;
    /// Returns a descriptor that becomes readable when `wait` has work to do, or -1 if the backend has no descriptor.
    /// @throws std::system_error
    virtual int pollable() { return -1; }
    /// The number of operations in flight.
    virtual std::size_t in_flight() const noexcept = 0;
    /// The numbers of operations that were started, and of those that were cancelled in flight.
    std::uint64_t started() const noexcept { return started_; }
    std::uint64_t cancelled() const noexcept { return cancelled_; }
    /// Whether a `wait` without a time limit can end. False only when no event can arrive from outside the executor.
    virtual bool may_wake() const noexcept { return true; }

    // Calls that do not wait. Each returns what the system call returns: >= 0, or minus the error number.
    virtual int open_stream_socket(const endpoint& peer) = 0;
    virtual int listen(const endpoint& local, int backlog) = 0;
    virtual int local_endpoint(int fd, endpoint& result) = 0;
    virtual int remote_endpoint(int fd, endpoint& result) = 0;
    virtual int shutdown_write(int fd) = 0;
    /// Creates a pipe.
    virtual int open_pipe(int& read_end, int& write_end) = 0;
    virtual std::int64_t file_size(int fd) = 0;

    /// File names, directories and their changes.
    virtual file_system& files() noexcept;
    /// Datagrams, Unix sockets and socket options.
    virtual socket_system& sockets() noexcept;
    virtual std::shared_ptr<process_system> processes() noexcept;
    /// A descriptor for the process's signals from now on.
    virtual std::unique_ptr<detail::signal_subscription> catch_signals(const std::vector<int>& numbers);
    /// Whether the executor's thread runs the jobs of thread pools itself, so that each run is reproducible.
    virtual bool works_alone() const noexcept { return false; }

    /// The closer of all descriptors of this backend.
    virtual std::shared_ptr<descriptor_closer> closer() noexcept = 0;
    /// Closes a descriptor. No operation on it may be in flight.
    void close(int fd) noexcept { closer()->close(fd); }

private:
    friend class io_operation;

    std::uint64_t started_ = 0;
    std::uint64_t cancelled_ = 0;
};

/// Selects the backend of an executor. With WEIR_DEBUG=1 in the environment the automatic choice prints why it is not
/// io_uring.
enum class backend_kind : std::uint8_t {
    automatic, ///< WEIR_BACKEND if set (uring, epoll); otherwise io_uring if the kernel allows it, else epoll
    uring,
    epoll,
};

/// @throws std::system_error when the requested backend is not available
/// @throws std::invalid_argument when WEIR_BACKEND has another value
std::unique_ptr<backend> make_backend(backend_kind kind);

} // namespace weir

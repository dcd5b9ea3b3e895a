// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include <weir/backend/endpoint.hpp>
#include <weir/backend/file_system.hpp>
#include <weir/backend/io_operation.hpp>
#include <weir/backend/process_system.hpp>
#include <weir/backend/socket_system.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class backend;
class executor;

namespace detail {
class signal_subscription;
}

/// Closes what a backend opened. It outlives the backend, since descriptors may.
///
/// Threads: any.
class descriptor_closer {
public:
    /// It is about to be used: what was known of others with its number is out of date.
    virtual void opened(int /*fd*/) noexcept {}
    virtual void close(int fd) noexcept = 0;

protected:
    ~descriptor_closer() = default;
};

/// What an executor needs from the outside: time, and I/O. There is one over io_uring, one over epoll, and the ones for
/// tests, which need no kernel.
///
/// Threads: all but `notify` are called from the executor's thread.
class backend {
public:
    virtual ~backend() = default;

    virtual std::string_view name() const noexcept = 0;
    virtual time_point now() noexcept = 0;
    /// What the executor's random numbers begin with.
    virtual std::uint64_t random_seed();

    /// Begins an operation; it is completed inside `wait`, or at once inside `start`.
    virtual void start(io_operation& operation) = 0;
    /// Returns when the operation is complete, with its result or with -ECANCELED.
    virtual void cancel(io_operation& operation) noexcept = 0;
    /// A read is dropped that has this answer, which nobody has seen. What is in it, and would not be told again, is
    /// for the next read of the descriptor, unless that was closed since. Here: it is lost.
    virtual void put_back(const io_operation& /*operation*/, int /*result*/) noexcept {}

    /// Submits what was started and completes what is finished; waits for that until `until` or `notify`.
    virtual void wait(time_point until) = 0;
    /// Ends the present or the next `wait`. From any thread and from signal handlers.
    virtual void notify() noexcept = 0;
    /// Operations in the kernel's hands.
    virtual std::size_t in_flight() const noexcept = 0;
    /// Whether a `wait` without a time limit can end. False only where nothing comes from outside the executor.
    virtual bool may_wake() const noexcept { return true; }

    // Calls that do not wait. Each answers as the system call does: >= 0, or minus the error number.
    virtual int open_stream_socket(const endpoint& peer) = 0;
    virtual int listen(const endpoint& local, int backlog) = 0;
    virtual int local_endpoint(int fd, endpoint& result) = 0;
    virtual int remote_endpoint(int fd, endpoint& result) = 0;
    virtual int shutdown_write(int fd) = 0;
    /// A new pipe: what is written to the one is read from the other.
    virtual int open_pipe(int& read_end, int& write_end) = 0;
    virtual std::int64_t file_size(int fd) = 0;

    /// Names of files and directories, and what happens to them.
    virtual file_system& files() noexcept { return detail::no_files(); }
    /// Datagrams, Unix sockets, and what is set on sockets.
    virtual socket_system& sockets() noexcept { return detail::no_sockets(); }
    virtual std::shared_ptr<process_system> processes() noexcept { return detail::no_processes(); }
    /// Those that come to the process, from now on.
    virtual std::unique_ptr<detail::signal_subscription> catch_signals(const std::vector<int>& numbers);
    /// Whether this executor's thread does what it would give to a pool's: where each run must be as the last.
    virtual bool works_alone() const noexcept { return false; }

    /// For all descriptors that this backend opens.
    virtual std::shared_ptr<descriptor_closer> closer() noexcept = 0;
    /// No operation on it may be in flight.
    void close(int fd) noexcept { closer()->close(fd); }
};

/// Which backend an executor is to use. With WEIR_DEBUG=1 in the environment the automatic choice says on stderr why it
/// is not io_uring.
enum class backend_kind : std::uint8_t {
    automatic, ///< WEIR_BACKEND if it is set (uring, epoll), else io_uring where the kernel allows it, else epoll
    uring,
    epoll,
};

/// @throws std::system_error when the one demanded cannot be had
/// @throws std::invalid_argument when WEIR_BACKEND names none
std::unique_ptr<backend> make_backend(backend_kind kind);

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace weir {

/// A standard stream of a child process.
enum class stdio : std::uint8_t {
    inherit, ///< that of this process
    null,    ///< /dev/null
    pipe,    ///< a pipe to this process
    output,  ///< for the error stream: the same as the standard output
};

/// How a process ended.
struct exit_status {
    int code = 0;   ///< the exit code, if it exited
    int signal = 0; ///< the signal that killed it, or 0
    bool core_dumped = false;

    bool success() const noexcept { return code == 0 && signal == 0; }
    /// `exited with 2`, `killed by signal 9 (KILL)`
    std::string to_string() const;

    friend bool operator==(const exit_status&, const exit_status&) = default;
};

/// The process group of a child process.
enum class process_group : std::uint8_t {
    inherit, ///< that of this process
    own,     ///< a new one, which the child process leads
};

/// What happens to a child process when this process ends without having destroyed it, in whatever way it ends.
enum class on_parent_exit : std::uint8_t {
    keep_running, ///< it becomes a child of init
    kill,         ///< it is killed; its own children are not
};

/// A resource of a process that can be limited, as in setrlimit(2).
enum class process_resource : std::uint8_t {
    address_space, ///< bytes
    core_size,     ///< bytes of a core dump
    cpu_time,      ///< seconds; more than them end the process
    file_size,     ///< bytes of a file that it writes
    open_files,
    processes, ///< of its user
    stack,     ///< bytes
};

struct process_limit {
    process_resource resource;
    std::uint64_t value; ///< the soft and the hard limit; UINT64_MAX for none
};

/// A child process that is to be started. The strings are as execve(2) takes them.
struct process_request {
    const char* const* arguments;   ///< the first is the program, which is searched in PATH unless it contains a slash
    const char* const* environment; ///< null: that of this process
    const char* directory;          ///< null: that of this process
    stdio in;
    stdio out;
    stdio err;
    process_group group = process_group::inherit;
    on_parent_exit parent_exit = on_parent_exit::keep_running;
    std::optional<std::uint32_t> uid = {};
    std::optional<std::uint32_t> gid = {};
    const process_limit* limits = nullptr;
    std::size_t number_of_limits = 0;
};

/// The part of a request that failed.
enum class process_step : std::uint8_t { program, streams, group, limit, gid, uid, directory };

/// A child process that has not been released.
struct process_reference {
    int descriptor = -1; ///< `readable` when it has ended
    int id = -1;
    process_group group = process_group::inherit;
};

/// A child process and this side of its pipes; -1 for none.
struct process_descriptors {
    process_reference process = {};
    int in = -1;
    int out = -1;
    int err = -1;
    process_step failed = process_step::program;
    std::size_t failed_limit = 0; ///< for process_step::limit: its index
};

/// The part of a backend for child processes. Each call returns what the system call returns: >= 0, or minus the error
/// number. This base class supports none. It may outlive the backend, as child processes may.
///
/// Threads: any, except for `spawn`.
class process_system {
public:
    virtual int spawn(const process_request&, process_descriptors&) { return -ENOSYS; }
    /// Returns -EAGAIN while the process runs, and then how it ended.
    virtual int status(const process_reference&, exit_status&) noexcept { return -ENOSYS; }
    /// Sends a signal to the process, or to all processes of a group of its own.
    virtual int send_signal(const process_reference&, int /*number*/) noexcept { return -ENOSYS; }
    /// Kills the process if it still runs, and all that is left of a group of its own. Reaps the process, and closes
    /// the descriptor.
    virtual void release(const process_reference&) noexcept {}

protected:
    ~process_system() = default;
};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cerrno>
#include <cstdint>
#include <memory>
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

/// The arguments of a child process, as execve(2) takes them.
struct process_request {
    const char* const* arguments;   ///< the first is the program, which is searched in PATH unless it contains a slash
    const char* const* environment; ///< null: that of this process
    const char* directory;          ///< null: that of this process
    stdio in;
    stdio out;
    stdio err;
};

/// A child process and this side of its pipes; -1 for none.
struct process_descriptors {
    int process = -1; ///< `readable` when it has ended
    int id = -1;
    int in = -1;
    int out = -1;
    int err = -1;
    const char* failed = nullptr; ///< the part of the request that failed, if not the program
};

/// The part of a backend for child processes. Each call returns what the system call returns: >= 0, or minus the error
/// number. This base class supports none. It may outlive the backend, as child processes may.
///
/// Threads: any, except for `spawn`.
class process_system {
public:
    virtual int spawn(const process_request&, process_descriptors&) { return -ENOSYS; }
    /// Returns -EAGAIN while the process runs, and then how it ended, once.
    virtual int status(int /*process*/, exit_status&) noexcept { return -ENOSYS; }
    virtual int send_signal(int /*process*/, int /*number*/) noexcept { return -ENOSYS; }
    /// Kills the process if it still runs, reaps it, and closes the descriptor.
    virtual void release(int /*process*/) noexcept {}

protected:
    ~process_system() = default;
};

namespace detail {

inline std::shared_ptr<process_system> no_processes() noexcept {
    static struct no_process_system final : process_system {
    } none;
    return {std::shared_ptr<void>{}, &none};
}

} // namespace detail

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cerrno>
#include <cstdint>
#include <memory>
#include <string>

namespace weir {

/// What a standard stream of a child process is.
enum class stdio : std::uint8_t {
    inherit, ///< that of this process
    null,    ///< /dev/null
    pipe,    ///< to or from here
    output,  ///< of the error stream: the same as the standard output
};

/// How a process ended.
struct exit_status {
    int code = 0;   ///< what it returned from main or gave to exit, if it ended by itself
    int signal = 0; ///< the signal that ended it, or 0
    bool core_dumped = false;

    bool success() const noexcept { return code == 0 && signal == 0; }
    /// `exited with 2`, `killed by signal 9 (KILL)`
    std::string to_string() const;

    friend bool operator==(const exit_status&, const exit_status&) = default;
};

/// What a child process begins with; strings as execve(2) has them.
struct process_request {
    const char* const* arguments;   ///< the first names the program, which is looked for in PATH unless it has a slash
    const char* const* environment; ///< null: that of this process
    const char* directory;          ///< null: that of this process
    stdio in;
    stdio out;
    stdio err;
};

/// A child process, and the ends of its pipes that are here; -1 where there is none.
struct process_descriptors {
    int process = -1; ///< `readable` when it has ended
    int id = -1;
    int in = -1;
    int out = -1;
    int err = -1;
    const char* failed = nullptr; ///< what of the request could not be had, when that is not the program
};

/// The part of a backend that starts programs and knows what becomes of them. Each call answers as system calls do: >=
/// 0, or minus the error number. This one starts none.
///
/// It outlives the backend, since child processes may.
///
/// Threads: any, but for `spawn`.
class process_system {
public:
    virtual int spawn(const process_request&, process_descriptors&) { return -ENOSYS; }
    /// -EAGAIN while it runs; how it ended, once.
    virtual int status(int /*process*/, exit_status&) noexcept { return -ENOSYS; }
    virtual int send_signal(int /*process*/, int /*number*/) noexcept { return -ENOSYS; }
    /// Kills it if it still runs, leaves no zombie, and closes the descriptor.
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

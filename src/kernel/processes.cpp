// SPDX-License-Identifier: MIT
#include "kernel/processes.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif

extern char** environ;

namespace weir::kernel {

namespace {

/// The file actions and attributes of posix_spawn.
class actions {
public:
    actions() {
        check(::posix_spawn_file_actions_init(&files_));
        if (const int error = ::posix_spawnattr_init(&attributes_); error != 0) {
            ::posix_spawn_file_actions_destroy(&files_);
            check(error);
        }
    }
    actions(const actions&) = delete;
    actions& operator=(const actions&) = delete;
    ~actions() {
        ::posix_spawnattr_destroy(&attributes_);
        ::posix_spawn_file_actions_destroy(&files_);
    }

    void duplicate(int from, int to) { check(::posix_spawn_file_actions_adddup2(&files_, from, to)); }
    void open_null(int as, int flags) { check(::posix_spawn_file_actions_addopen(&files_, as, "/dev/null", flags, 0)); }
    void change_directory(const char* to) { check(::posix_spawn_file_actions_addchdir_np(&files_, to)); }

    /// Unblocks all signals in the child, and restores the default action of SIGPIPE.
    void reset_signals() {
        sigset_t set;
        ::sigemptyset(&set);
        check(::posix_spawnattr_setsigmask(&attributes_, &set));
        ::sigaddset(&set, SIGPIPE);
        check(::posix_spawnattr_setsigdefault(&attributes_, &set));
        check(::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF));
    }

    int spawn(pid_t& id, const process_request& request) const noexcept {
        char* const* environment =
            request.environment != nullptr ? const_cast<char* const*>(request.environment) : environ;
        return -::posix_spawnp(&id, request.arguments[0], &files_, &attributes_,
                               const_cast<char* const*>(request.arguments), environment);
    }

private:
    static void check(int error) {
        if (error != 0) throw std::system_error{error, std::system_category(), "weir: posix_spawn"};
    }

    posix_spawn_file_actions_t files_;
    posix_spawnattr_t attributes_;
};

/// The two ends of a pipe, which are closed unless they are taken.
struct pipe_ends {
    int here = -1;
    int there = -1;

    pipe_ends() noexcept = default;
    pipe_ends(const pipe_ends&) = delete;
    pipe_ends& operator=(const pipe_ends&) = delete;
    ~pipe_ends() {
        if (here >= 0) ::close(here);
        if (there >= 0) ::close(there);
    }

    int open(bool read_here, descriptors made) noexcept {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) < 0) return -errno;
        here = ends[read_here ? 0 : 1];
        there = ends[read_here ? 1 : 0];
        if (made == descriptors::non_blocking && ::fcntl(here, F_SETFL, O_NONBLOCK) < 0) return -errno;
        // Moved out of the numbers 0 to 2, which the child's standard streams overwrite one after the other.
        if (there > 2) return 0;
        const int higher = ::fcntl(there, F_DUPFD_CLOEXEC, 3);
        if (higher < 0) return -errno;
        ::close(there);
        there = higher;
        return 0;
    }
    int take() noexcept {
        const int fd = here;
        here = -1;
        return fd;
    }
};

class processes final : public process_system {
public:
    explicit processes(descriptors made) noexcept : made_{made} {}

    int spawn(const process_request& request, process_descriptors& result) override {
        const std::array<stdio, 3> wanted{request.in, request.out, request.err};
        std::array<pipe_ends, 3> pipes;
        actions steps;
        for (int i = 0; i != 3; ++i) {
            pipe_ends& ends = pipes[static_cast<std::size_t>(i)];
            switch (wanted[static_cast<std::size_t>(i)]) {
            case stdio::inherit:
                break;
            case stdio::null:
                steps.open_null(i, i == 0 ? O_RDONLY : O_WRONLY);
                break;
            case stdio::pipe:
                if (const int r = ends.open(i != 0, made_); r < 0) {
                    result.failed = "pipe";
                    return r;
                }
                steps.duplicate(ends.there, i);
                break;
            case stdio::output:
                steps.duplicate(1, i);
                break;
            }
        }
        if (request.directory != nullptr) steps.change_directory(request.directory);
        steps.reset_signals();

        pid_t id = -1;
        if (const int r = steps.spawn(id, request); r < 0) {
            if (request.directory != nullptr && !can_enter(request.directory)) result.failed = request.directory;
            return r;
        }
        const int process = static_cast<int>(::syscall(SYS_pidfd_open, id, 0));
        if (process < 0) {
            const int error = errno;
            result.failed = "pidfd";
            ::kill(id, SIGKILL);
            while (::waitpid(id, nullptr, 0) < 0 && errno == EINTR) {}
            return -error;
        }
        renew(process);
        result = {.process = process,
                  .id = id,
                  .in = pipes[0].take(),
                  .out = pipes[1].take(),
                  .err = pipes[2].take(),
                  .failed = nullptr};
        return 0;
    }

    int status(int process, exit_status& result) noexcept override { return wait_for(process, result, WNOHANG); }

    int send_signal(int process, int number) noexcept override {
        return ::syscall(SYS_pidfd_send_signal, process, number, nullptr, 0) < 0 ? -errno : 0;
    }

    void release(int process) noexcept override {
        exit_status ignored;
        if (wait_for(process, ignored, WNOHANG) == -EAGAIN) {
            send_signal(process, SIGKILL);
            pollfd ended{process, POLLIN, 0};
            ::poll(&ended, 1, patience_ms);
            if (wait_for(process, ignored, WNOHANG) == -EAGAIN) return leave_to_thread(process);
        }
        closer()->close(process);
    }

private:
    // About as long as starting a process takes. A child with much memory, or one that waits for a disk, dies later.
    static constexpr int patience_ms = 10;

    static bool can_enter(const char* directory) noexcept {
        const int fd = ::open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0) return false;
        const bool allowed = ::faccessat(fd, ".", X_OK, AT_EACCESS) == 0;
        ::close(fd);
        return allowed;
    }

    static int wait_for(int process, exit_status& result, int flags) noexcept {
        siginfo_t info{};
        while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(process), &info, WEXITED | flags) < 0) {
            if (errno != EINTR) return -errno;
        }
        if (info.si_pid == 0) return -EAGAIN;
        result = {};
        (info.si_code == CLD_EXITED ? result.code : result.signal) = info.si_status;
        result.core_dumped = info.si_code == CLD_DUMPED;
        return 0;
    }

    static void wait_and_close(int process) noexcept {
        exit_status ignored;
        wait_for(process, ignored, 0);
        closer()->close(process);
    }

    static void leave_to_thread(int process) noexcept {
        // The new thread must receive no signals.
        sigset_t all;
        sigset_t former;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &former);
        try {
            std::thread{wait_and_close, process}.detach();
        } catch (const std::system_error&) {
            wait_and_close(process);
        }
        ::pthread_sigmask(SIG_SETMASK, &former, nullptr);
    }

    const descriptors made_;
};

processes of_blocking{descriptors::blocking};
processes of_non_blocking{descriptors::non_blocking};

} // namespace

std::shared_ptr<process_system> kernel_processes(descriptors made) noexcept {
    return {std::shared_ptr<void>{}, made == descriptors::blocking ? &of_blocking : &of_non_blocking};
}

} // namespace weir::kernel

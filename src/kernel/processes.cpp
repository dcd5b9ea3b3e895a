// SPDX-License-Identifier: MIT
#include "kernel/processes.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef P_PIDFD
#define P_PIDFD 3
#endif
#ifndef PIDFD_SIGNAL_PROCESS_GROUP
#define PIDFD_SIGNAL_PROCESS_GROUP (1U << 2U)
#endif

// Sanitizers do not follow a child that shares the memory of this process, nor one on a stack of its own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define WEIR_SANITIZED 1
#endif
#endif

extern char** environ;

#include "kernel/or_error.hpp"

namespace weir::kernel {

namespace {

/// Blocks all signals of this thread, and of the threads that it starts.
class blocked_signals {
public:
    blocked_signals() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &former_);
    }
    blocked_signals(const blocked_signals&) = delete;
    blocked_signals& operator=(const blocked_signals&) = delete;
    ~blocked_signals() { ::pthread_sigmask(SIG_SETMASK, &former_, nullptr); }

private:
    sigset_t former_;
};

/// Where a program may be, as execvp(3) looks for it.
std::vector<std::string> places_of(std::string_view program) {
    if (program.find('/') != program.npos) return {std::string{program}};
    const char* const path = std::getenv("PATH");
    std::string_view rest = path != nullptr ? path : "/bin:/usr/bin";
    std::vector<std::string> places;
    for (bool more = true; more;) {
        const auto end = rest.find(':');
        const std::string_view directory = rest.substr(0, end);
        places.push_back(directory.empty() ? std::string{program}
                                           : std::string{directory} + '/' + std::string{program});
        more = end != rest.npos;
        if (more) rest.remove_prefix(end + 1);
    }
    return places;
}

int resource_number(process_resource resource) noexcept {
    switch (resource) {
    case process_resource::address_space:
        return RLIMIT_AS;
    case process_resource::core_size:
        return RLIMIT_CORE;
    case process_resource::cpu_time:
        return RLIMIT_CPU;
    case process_resource::file_size:
        return RLIMIT_FSIZE;
    case process_resource::open_files:
        return RLIMIT_NOFILE;
    case process_resource::processes:
        return RLIMIT_NPROC;
    case process_resource::stack:
        return RLIMIT_STACK;
    }
    return -1;
}

/// A new process from its start to execve. Its memory is that of this process, which waits meanwhile: it calls nothing
/// that allocates, locks, or has effects on other threads. The functions of libc for user ids have such effects.
class launch {
public:
    /// @param streams  the descriptors of the standard streams; -1 to inherit
    launch(const process_request& request, const std::array<int, 3>& streams)
        : request_{request},
          streams_{streams},
          places_{places_of(request.arguments[0])},
          parent_{::getpid()},
          privileged_{::geteuid() == 0} {
        void* const memory =
            ::mmap(nullptr, memory_size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (memory == MAP_FAILED) throw std::system_error{errno, std::system_category(), "weir: stack of a process"};
        memory_ = static_cast<char*>(memory);
        failure_ = new (memory_) failure;
    }
    launch(const launch&) = delete;
    launch& operator=(const launch&) = delete;
    ~launch() { ::munmap(memory_, memory_size); }

    /// Starts the program. Returns 0 or minus the error number.
    int run(process_descriptors& result) noexcept {
        const blocked_signals blocked;
        int descriptor = -1;
        constexpr int flags = CLONE_VFORK | CLONE_PIDFD | SIGCHLD;
#ifdef WEIR_SANITIZED
        const int id = static_cast<int>(::syscall(SYS_clone, flags, nullptr, &descriptor, nullptr, nullptr));
        if (id == 0) child(this);
#else
        const int id = ::clone(child, memory_ + memory_size, flags | CLONE_VM, this, &descriptor);
#endif
        if (id < 0) return -errno;
        if (failure_->error != 0) {
            siginfo_t ignored{};
            while (::waitid(static_cast<idtype_t>(P_PIDFD), static_cast<id_t>(descriptor), &ignored, WEXITED) < 0 &&
                   errno == EINTR) {}
            ::close(descriptor);
            result.failed = failure_->step;
            result.failed_limit = failure_->limit;
            return -failure_->error;
        }
        result.process = {.descriptor = descriptor, .id = id, .group = request_.group};
        return 0;
    }

private:
    static constexpr std::size_t memory_size = 64 * 1024;
    struct failure {
        int error = 0;
        process_step step = process_step::program;
        std::size_t limit = 0;
    };

    static int child(void* self) noexcept {
        launch& l = *static_cast<launch*>(self);
        l.prepare();
        l.execute();
        return 127;
    }

    [[noreturn]] void fail(process_step step, int error, std::size_t limit = 0) noexcept {
        *failure_ = {.error = error, .step = step, .limit = limit};
        ::_exit(127);
    }
    void require(long answer, process_step step, std::size_t limit = 0) noexcept {
        if (answer < 0) fail(step, errno, limit);
    }

    void prepare() noexcept {
        if (request_.group == process_group::own) require(::setpgid(0, 0), process_step::group);
        for (int i = 0; i != 3; ++i) {
            const int fd = request_.err == stdio::output && i == 2 ? 1 : streams_[static_cast<std::size_t>(i)];
            if (fd >= 0) require(::syscall(SYS_dup3, fd, i, 0), process_step::streams);
        }
        for (std::size_t i = 0; i != request_.number_of_limits; ++i) {
            const process_limit& limit = request_.limits[i];
            const std::uint64_t soft_and_hard[2] = {limit.value, limit.value};
            require(::syscall(SYS_prlimit64, 0, resource_number(limit.resource), soft_and_hard, nullptr),
                    process_step::limit, i);
        }
        change_user();
        if (request_.directory != nullptr) require(::chdir(request_.directory), process_step::directory);
        if (request_.parent_exit == on_parent_exit::kill) {
            // After the change of the user, which the kernel forgets it at.
            require(::prctl(PR_SET_PDEATHSIG, SIGKILL), process_step::program);
            if (::getppid() != parent_) ::_exit(127); // the parent has ended before
        }
        reset_signals();
    }

    void change_user() noexcept {
        if (request_.uid && privileged_) require(::syscall(SYS_setgroups, 0, nullptr), process_step::uid);
        if (request_.gid) {
            const unsigned id = *request_.gid;
            require(::syscall(SYS_setresgid, id, id, id), process_step::gid);
        }
        if (request_.uid) {
            const unsigned id = *request_.uid;
            require(::syscall(SYS_setresuid, id, id, id), process_step::uid);
        }
    }

    /// Unblocks all signals, and restores the default action of SIGPIPE. No handler of this process may run meanwhile.
    static void reset_signals() noexcept {
        for (int number = 1; number < NSIG; ++number) {
            struct sigaction action{};
            if (::sigaction(number, nullptr, &action) < 0) continue;
            if (action.sa_handler == SIG_DFL) continue;
            if (action.sa_handler == SIG_IGN && number != SIGPIPE) continue;
            action = {};
            ::sigaction(number, &action, nullptr);
        }
        sigset_t none;
        ::sigemptyset(&none);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
    }

    /// Tries the places as execvp(3) does.
    void execute() noexcept {
        char* const* environment =
            request_.environment != nullptr ? const_cast<char* const*>(request_.environment) : environ;
        int error = ENOENT;
        for (const std::string& place : places_) {
            ::execve(place.c_str(), const_cast<char* const*>(request_.arguments), environment);
            switch (errno) {
            case EACCES:
                error = EACCES;
                break;
            case ENOENT:
            case ENOTDIR:
            case ESTALE:
            case ENODEV:
            case ETIMEDOUT:
                break;
            default:
                fail(process_step::program, errno);
            }
        }
        fail(process_step::program, error);
    }

    const process_request& request_;
    const std::array<int, 3>& streams_;
    const std::vector<std::string> places_;
    const pid_t parent_;
    const bool privileged_;
    char* memory_ = nullptr; // the failure, and the stack of the new process
    failure* failure_ = nullptr;
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
        return move_up();
    }
    int open_null(int flags) noexcept {
        there = ::open("/dev/null", flags | O_CLOEXEC);
        return there < 0 ? -errno : move_up();
    }
    int take() noexcept {
        const int fd = here;
        here = -1;
        return fd;
    }

private:
    /// Moves the end out of the numbers 0 to 2, which the child's standard streams overwrite one after the other.
    int move_up() noexcept {
        if (there > 2) return 0;
        const int higher = ::fcntl(there, F_DUPFD_CLOEXEC, 3);
        if (higher < 0) return -errno;
        ::close(there);
        there = higher;
        return 0;
    }
};

class processes final : public process_system {
public:
    explicit processes(descriptors made) noexcept : made_{made} {}

    int spawn(const process_request& request, process_descriptors& result) override {
        const std::array<stdio, 3> wanted{request.in, request.out, request.err};
        std::array<pipe_ends, 3> pipes;
        std::array<int, 3> streams{-1, -1, -1};
        for (std::size_t i = 0; i != 3; ++i) {
            const bool piped = wanted[i] == stdio::pipe;
            if (!piped && wanted[i] != stdio::null) continue;
            const int r = piped ? pipes[i].open(i != 0, made_) : pipes[i].open_null(i == 0 ? O_RDONLY : O_WRONLY);
            if (r < 0) {
                result.failed = process_step::streams;
                return r;
            }
            streams[i] = pipes[i].there;
        }
        launch program{request, streams};
        const int r =
            request.parent_exit == on_parent_exit::kill ? run_on_own_thread(program, result) : program.run(result);
        if (r < 0) return r;
        renew(result.process.descriptor);
        result.in = pipes[0].take();
        result.out = pipes[1].take();
        result.err = pipes[2].take();
        return 0;
    }

    int status(const process_reference& process, exit_status& result) noexcept override {
        return wait_for(process.descriptor, result, WNOHANG | WNOWAIT);
    }

    int send_signal(const process_reference& process, int number) noexcept override {
        const bool to_group = process.group == process_group::own;
        const unsigned flags = to_group ? PIDFD_SIGNAL_PROCESS_GROUP : 0;
        if (::syscall(SYS_pidfd_send_signal, process.descriptor, number, nullptr, flags) == 0) return 0;
        if (errno != EINVAL || !to_group) return -errno;
        // Before Linux 6.9. The number of the group belongs to it as long as its leader has not been reaped.
        exit_status ignored;
        if (const int r = status(process, ignored); r < 0 && r != -EAGAIN) return r;
        return or_error(::kill(-process.id, number));
    }

    void release(const process_reference& process) noexcept override {
        exit_status ignored;
        const bool runs = status(process, ignored) == -EAGAIN;
        if (runs || process.group == process_group::own) send_signal(process, SIGKILL);
        if (runs) {
            pollfd ended{process.descriptor, POLLIN, 0};
            ::poll(&ended, 1, patience_ms);
        }
        if (wait_for(process.descriptor, ignored, WNOHANG) == -EAGAIN) return leave_to_thread(process.descriptor);
        closer()->close(process.descriptor);
    }

private:
    // About as long as starting a process takes. A child with much memory, or one that waits for a disk, dies later.
    static constexpr int patience_ms = 10;

    /// Starts a program on a thread that ends when the program has ended: when the thread that has started a program
    /// ends, the kernel acts as if the process had ended.
    static int run_on_own_thread(launch& program, process_descriptors& result) {
        std::promise<int> started;
        auto answer = started.get_future();
        const blocked_signals blocked; // the new thread must receive none
        auto keep_thread = [&program, &result, started = std::move(started)]() mutable {
            int r = program.run(result);
            pollfd ended{-1, POLLIN, 0};
            if (r == 0) {
                const int process = result.process.descriptor;
                ended.fd = ::fcntl(process, F_DUPFD_CLOEXEC, 0);
                if (ended.fd < 0) {
                    r = -errno;
                    ::syscall(SYS_pidfd_send_signal, process, SIGKILL, nullptr, 0);
                    exit_status ignored;
                    wait_for(process, ignored, 0);
                    ::close(process);
                }
            }
            started.set_value(r);
            if (r < 0) return;
            while (::poll(&ended, 1, -1) < 0) {}
            ::close(ended.fd);
        };
        try {
            std::thread{std::move(keep_thread)}.detach();
        } catch (const std::system_error& e) {
            return -e.code().value();
        }
        return answer.get();
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
        const blocked_signals blocked; // the new thread must receive none
        try {
            std::thread{wait_and_close, process}.detach();
        } catch (const std::system_error&) {
            wait_and_close(process);
        }
    }

    const descriptors made_;
};

processes blocking_processes{descriptors::blocking};
processes non_blocking_processes{descriptors::non_blocking};

} // namespace

std::shared_ptr<process_system> kernel_processes(descriptors made) noexcept {
    return {std::shared_ptr<void>{}, made == descriptors::blocking ? &blocking_processes : &non_blocking_processes};
}

} // namespace weir::kernel

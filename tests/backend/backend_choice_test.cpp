// SPDX-License-Identifier: MIT
#include <weir/backend/backend.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <system_error>

#include <weir/core/timed_out.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/file.hpp>
#include <weir/io/process.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/signals.hpp>
#include <weir/source/watch.hpp>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "child.hpp"

using support::in_child;

namespace {

/// As the default profile of a container does.
void refuse_io_uring(int error, int call = SYS_io_uring_setup) {
    sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(call), 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<unsigned>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog program{4, filter};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        throw std::system_error{errno, std::system_category(), "seccomp"};
    }
}

} // namespace

TEST_SUITE("executor/backend_choice") {
    TEST_CASE("backend choice: WEIR_BACKEND selects the backend") {
        CHECK(in_child([] {
                  ::setenv("WEIR_BACKEND", "epoll", 1);
                  return std::string{weir::make_backend(weir::backend_kind::automatic)->name()};
              }) == "epoll");
    }

    TEST_CASE("backend choice: an explicit choice overrides WEIR_BACKEND") {
        CHECK(in_child([] {
                  ::setenv("WEIR_BACKEND", "nonsense", 1);
                  return std::string{weir::make_backend(weir::backend_kind::epoll)->name()};
              }) == "epoll");
    }

    TEST_CASE("backend choice: an unknown name in WEIR_BACKEND throws an error that contains it") {
        CHECK(in_child([] {
                  ::setenv("WEIR_BACKEND", "kqueue", 1);
                  try {
                      weir::make_backend(weir::backend_kind::automatic);
                  } catch (const std::invalid_argument& e) {
                      return std::string{e.what()};
                  }
                  return std::string{};
              }) == "WEIR_BACKEND is neither uring nor epoll: kqueue");
    }

    TEST_CASE("backend choice: the automatic choice is epoll where io_uring is refused") {
        for (const int call : {SYS_io_uring_setup, SYS_io_uring_register, SYS_io_uring_enter}) {
            for (const int error : {EPERM, EACCES, ENOSYS, EINVAL, ENOMEM}) {
                CAPTURE(call);
                CAPTURE(error);
                CHECK(in_child([error, call] {
                          refuse_io_uring(error, call);
                          ::unsetenv("WEIR_BACKEND");
                          return std::string{weir::make_backend(weir::backend_kind::automatic)->name()};
                      }) == "epoll");
            }
        }
    }

    TEST_CASE("backend choice: WEIR_DEBUG prints the reason for epoll to stderr") {
        const auto said = [](const char* debug) {
            return in_child([debug] {
                std::FILE* const file = std::tmpfile();
                ::dup2(::fileno(file), 2);
                refuse_io_uring(EPERM);
                ::unsetenv("WEIR_BACKEND");
                ::unsetenv("WEIR_DEBUG");
                if (debug != nullptr) ::setenv("WEIR_DEBUG", debug, 1);
                weir::make_backend(weir::backend_kind::automatic);
                std::string text(500, ' ');
                std::rewind(file);
                text.resize(std::fread(text.data(), 1, text.size(), file));
                return text;
            });
        };
        const std::string why = said("1");
        CHECK(((why == "weir: debug: epoll instead of io_uring: weir: io_uring_setup: Operation not permitted\n") ||
               (why.find("built without") != std::string::npos)));
        CHECK(said(nullptr) == "");
        CHECK(said("0") == "");
    }

    TEST_CASE("backend choice: a backend works without lockable memory") {
        CHECK(in_child([] {
                  const rlimit none{0, 0};
                  ::setrlimit(RLIMIT_MEMLOCK, &none);
                  if (::getuid() == 0 && ::setuid(65534) != 0) return std::string{"cannot become another user"};
                  ::unsetenv("WEIR_BACKEND");
                  weir::executor ex;
                  int read_end = -1;
                  int write_end = -1;
                  if (ex.io().open_pipe(read_end, write_end) < 0) return std::string{"no pipe"};
                  weir::file reader{weir::detail::descriptor{read_end, ex.io().closer()}, "reader"};
                  weir::file writer{weir::detail::descriptor{write_end, ex.io().closer()}, "writer"};
                  ex.run(writer.write("hello"));
                  std::string text(5, ' ');
                  ex.run(reader.read(text));
                  return text;
              }) == "hello");
    }

    TEST_CASE("backend choice: an explicit choice of io_uring throws the reason where it is refused") {
        const std::string why = in_child([] {
            refuse_io_uring(EPERM);
            try {
                weir::make_backend(weir::backend_kind::uring);
            } catch (const std::system_error& e) {
                return std::string{e.what()};
            }
            return std::string{};
        });
        CHECK(((why == "weir: io_uring_setup: Operation not permitted") ||
               (why.find("built without") != std::string::npos)));
    }

    TEST_CASE("backend choice: no socket or file gets the number of a missing standard stream") {
        for (const auto kind : {weir::backend_kind::epoll, weir::backend_kind::uring}) {
            const std::string got = in_child([kind] {
                for (int fd = 0; fd != 3; ++fd) ::close(fd);
                weir::executor ex{kind};
                auto signals = weir::signals(SIGUSR1);
                auto changes = weir::watch(".");
                const auto begin = [&ex](auto& stream) {
                    try {
                        ex.run(weir::with_timeout(std::chrono::microseconds{1}, weir::next(stream)));
                    } catch (const weir::timed_out&) {}
                };
                begin(signals);
                begin(changes);
                // In a child they are closed, as they were.
                auto child = ex.run(weir::spawn_process({"sh", "-c", "test ! -e /proc/self/fd/2"}));
                if (ex.run(child.wait()).code != 0) return std::string{"a child has it"};
                auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
                auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
                auto accepted = ex.run(listener.accept());
                auto f = ex.run(weir::open("/dev/null"));
                std::string taken;
                char c = 'x';
                for (int fd = 0; fd != 3; ++fd) {
                    if (::read(fd, &c, 1) >= 0 || errno != EBADF) taken += std::to_string(fd);
                    if (::write(fd, &c, 1) >= 0 || errno != EBADF) taken += std::to_string(fd);
                }
                return "taken: " + taken;
            });
            CHECK(((got == "taken: ") || (got.find("io_uring") != std::string::npos)));
        }
    }
}

// SPDX-License-Identifier: MIT
// What does it cost to send a file in page cache to a socket, and to copy from one socket to another? (Processor time
// of the process that copies; other processes feed and drain the sockets.)

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>
#include <vector>

#include <csignal>
#include <ctime>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <weir/executor/executor.hpp>
#include <weir/io/copy.hpp>
#include <weir/io/file.hpp>
#include <weir/io/tcp.hpp>

#include "support/bench.hpp"

namespace {

constexpr std::size_t KiB = 1024;
constexpr std::size_t file_size = 64 * KiB * KiB;

double processor_time() {
    timespec t{};
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

class file_in_cache {
public:
    file_in_cache() {
        const int fd = ::mkstemp(path_.data());
        const std::vector<char> part(KiB * KiB, 'x');
        for (std::size_t size = 0; size != file_size; size += part.size()) {
            if (::write(fd, part.data(), part.size()) != static_cast<ssize_t>(part.size())) std::abort();
        }
        ::close(fd);
    }
    file_in_cache(const file_in_cache&) = delete;
    file_in_cache& operator=(const file_in_cache&) = delete;
    ~file_in_cache() { ::unlink(path_.c_str()); }

    const std::string& path() const noexcept { return path_; }

private:
    std::string path_ = "/tmp/weir-perf-copy-XXXXXX";
};

struct ends {
    weir::tcp_stream here;
    weir::tcp_stream there;
};

ends connect(weir::executor& ex) {
    auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
    auto there = ex.run(weir::tcp_connect(listener.local_endpoint()));
    return {ex.run(listener.accept()), std::move(there)};
}

/// Runs f in a child process, with the far end of a connection.
template <class F>
pid_t apart(ends& connection, F f) {
    const pid_t child = ::fork();
    if (child < 0) std::abort();
    if (child == 0) {
        const int fd = connection.there.native_handle();
        ::close(connection.here.native_handle());
        ::fcntl(fd, F_SETFL, 0);
        f(fd);
        ::_exit(0);
    }
    connection.there.close();
    return child;
}

void drain(int fd) {
    std::vector<char> part(KiB * KiB);
    while (::recv(fd, part.data(), part.size(), MSG_TRUNC) > 0) {}
}

void feed(int fd, std::size_t size) {
    const std::vector<char> part(256 * KiB, 'x');
    while (size != 0) {
        const ssize_t n = ::send(fd, part.data(), std::min(size, part.size()), MSG_NOSIGNAL);
        if (n <= 0) return;
        size -= static_cast<std::size_t>(n);
    }
}

/// The loop of a hand-written program, on descriptors in blocking mode.
void loop(int from, int to, std::size_t block) {
    ::fcntl(from, F_SETFL, 0);
    ::fcntl(to, F_SETFL, 0);
    std::vector<char> part(block);
    for (ssize_t n = 0; (n = ::read(from, part.data(), part.size())) > 0;) {
        for (const char* data = part.data(); n != 0;) {
            const ssize_t sent = ::send(to, data, static_cast<std::size_t>(n), MSG_NOSIGNAL);
            if (sent <= 0) std::abort();
            data += sent;
            n -= sent;
        }
    }
}

/// Copies whole files of at least n KiB in total. The result is scaled to n KiB.
template <class Copy>
bench::measurement from_file(weir::backend_kind kind, const std::string& path, std::uint64_t n, Copy copy) {
    weir::executor ex{kind};
    double spent = 0;
    std::uint64_t done = 0;
    for (; done < n; done += file_size / KiB) {
        auto connection = connect(ex);
        const pid_t child = apart(connection, drain);
        auto file = ex.run(weir::open(path));
        const double before = processor_time();
        copy(ex, file, connection.here);
        spent += processor_time() - before;
        connection.here.close();
        ::waitpid(child, nullptr, 0);
    }
    return {spent * static_cast<double>(n) / static_cast<double>(done), static_cast<std::int64_t>(n)};
}

template <class Copy>
bench::measurement between_sockets(weir::backend_kind kind, std::uint64_t n, Copy copy) {
    weir::executor ex{kind};
    auto in = connect(ex);
    auto out = connect(ex);
    const pid_t feeder = apart(in, [&](int fd) {
        ::close(out.here.native_handle());
        ::close(out.there.native_handle());
        feed(fd, n * KiB);
    });
    const pid_t drainer = apart(out, [&](int fd) {
        ::close(in.here.native_handle());
        drain(fd);
    });
    const double before = processor_time();
    copy(ex, in.here, out.here);
    const double spent = processor_time() - before;
    out.here.close();
    ::waitpid(feeder, nullptr, 0);
    ::waitpid(drainer, nullptr, 0);
    return {spent, static_cast<std::int64_t>(n)};
}

} // namespace

int main(int argc, char** argv) {
    const file_in_cache file;
    constexpr auto epoll = weir::backend_kind::epoll;
    constexpr auto automatic = weir::backend_kind::automatic;
    const auto by_loop = [](weir::executor&, auto& from, auto& to) {
        loop(from.native_handle(), to.native_handle(), 64 * KiB);
    };
    const auto by_copy = [](weir::executor& ex, auto& from, auto& to) { ex.run(weir::copy(from, to)); };

    bench::question to_socket{argc, argv, "What does it cost to send a file that is in page cache?", "ns/KiB",
                              256 * KiB};
    to_socket.floor("read, send: 64 KiB", [&](std::uint64_t n) { return from_file(epoll, file.path(), n, by_loop); });
    to_socket.weir("copy(file, socket), epoll",
                   [&](std::uint64_t n) { return from_file(epoll, file.path(), n, by_copy); });
    to_socket.weir("copy(file, socket), automatic",
                   [&](std::uint64_t n) { return from_file(automatic, file.path(), n, by_copy); });

    bench::question passed_on{argc, argv, "What does it cost to copy from one socket to another?", "ns/KiB", 256 * KiB};
    passed_on.floor("recv, send: 64 KiB", [&](std::uint64_t n) { return between_sockets(epoll, n, by_loop); });
    passed_on.weir("copy(socket, socket), epoll", [&](std::uint64_t n) { return between_sockets(epoll, n, by_copy); });
    passed_on.weir("copy(socket, socket), automatic",
                   [&](std::uint64_t n) { return between_sockets(automatic, n, by_copy); });

    const int first = to_socket.run();
    const int second = passed_on.run();
    return first != 0 ? first : second;
}

// SPDX-License-Identifier: MIT
#include "remote.hpp"

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iterator>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

namespace bench {

namespace {

int checked(int result, const char* what) {
    if (result < 0) throw std::system_error{errno, std::system_category(), what};
    return result;
}

sockaddr_in here(std::uint16_t port) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(port);
    return address;
}

} // namespace

server_process::server_process(const serve& run) {
    int ready[2];
    checked(::pipe(ready), "pipe");
    std::fflush(nullptr);
    child_ = checked(::fork(), "fork");
    if (child_ == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        ::close(ready[0]);
        try {
            run([&](std::uint16_t port) { checked(static_cast<int>(::write(ready[1], &port, sizeof port)), "write"); });
        } catch (const std::exception& e) {
            std::fprintf(stderr, "a server failed: %s\n", e.what());
        }
        ::_exit(1);
    }
    ::close(ready[1]);
    const ssize_t got = ::read(ready[0], &port_, sizeof port_);
    ::close(ready[0]);
    if (got != sizeof port_) throw std::runtime_error{"a server did not start"};
}

server_process::~server_process() {
    ::kill(child_, SIGKILL);
    ::waitpid(child_, nullptr, 0);
}

double server_process::cpu_nanoseconds() const {
    clockid_t clock{};
    timespec t{};
    if (::clock_getcpuclockid(child_, &clock) != 0 || ::clock_gettime(clock, &t) != 0) {
        throw std::runtime_error{"a server has died"};
    }
    return static_cast<double>(t.tv_sec) * 1e9 + static_cast<double>(t.tv_nsec);
}

std::size_t server_process::anonymous_memory() const {
    const std::string path = "/proc/" + std::to_string(child_) + "/status";
    std::FILE* status = std::fopen(path.c_str(), "r");
    if (status == nullptr) throw std::runtime_error{"a server has died"};
    std::array<char, 256> line{};
    std::size_t sum = 0;
    while (std::fgets(line.data(), line.size(), status) != nullptr) {
        unsigned long kilobytes = 0;
        if (std::sscanf(line.data(), "RssAnon: %lu", &kilobytes) == 1 ||
            std::sscanf(line.data(), "RssShmem: %lu", &kilobytes) == 1) {
            sum += kilobytes * 1024;
        }
    }
    std::fclose(status);
    return sum;
}

std::size_t server_process::descriptors() const {
    const std::filesystem::directory_iterator all{"/proc/" + std::to_string(child_) + "/fd"};
    return static_cast<std::size_t>(std::distance(begin(all), end(all)));
}

bool raise_descriptor_limit(std::uint64_t wanted) {
    rlimit limit{};
    ::getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur >= wanted) return true;
    if (limit.rlim_max < wanted) limit.rlim_max = wanted; // succeeds for privileged users only
    limit.rlim_cur = wanted;
    return ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

int listen_here(std::uint16_t& port) {
    const int fd = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    const int on = 1;
    sockaddr_in address = here(0);
    socklen_t size = sizeof address;
    checked(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
    checked(::bind(fd, reinterpret_cast<const sockaddr*>(&address), size), "bind");
    checked(::listen(fd, 4096), "listen");
    checked(::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size), "getsockname");
    port = ntohs(address.sin_port);
    return fd;
}

int connect_here(std::uint16_t port) {
    const sockaddr_in address = here(port);
    const int on = 1;
    const int fd = checked(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    checked(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on), "setsockopt");
    checked(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), "connect");
    return fd;
}

echo_clients::echo_clients(std::uint16_t port, std::size_t connections, std::size_t message)
    : epoll_{checked(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")},
      message_(message, '\0'),
      buffer_(message, '\0') {
    for (std::size_t i = 0; i != message; ++i) message_[i] = static_cast<char>(i * 7 + i / 251);
    for (std::size_t i = 0; i != connections; ++i) {
        const int fd = connect_here(port);
        clients_.push_back({fd, 0, 0});
        epoll_event e{};
        e.events = EPOLLIN | EPOLLOUT | EPOLLET;
        e.data.u64 = i;
        checked(::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e), "epoll_ctl");
    }
}

echo_clients::~echo_clients() {
    for (const client& c : clients_) ::close(c.fd);
    ::close(epoll_);
}

/// Returns false when the rest of the message must wait.
bool echo_clients::send(client& c) {
    while (c.sent != message_.size()) {
        const ssize_t n = ::send(c.fd, message_.data() + c.sent, message_.size() - c.sent, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) return false;
        c.sent += static_cast<std::size_t>(checked(static_cast<int>(n), "send"));
    }
    return true;
}

/// Returns the number of received bytes, or -1 when there were none.
std::int64_t echo_clients::receive(client& c) {
    const std::size_t missing = message_.size() - c.received;
    const ssize_t n = ::recv(c.fd, buffer_.data(), missing, MSG_DONTWAIT);
    if (n < 0 && errno == EAGAIN) return -1;
    if (checked(static_cast<int>(n), "recv") == 0) throw std::runtime_error{"a server closed a connection"};
    if (std::memcmp(buffer_.data(), message_.data() + c.received, static_cast<std::size_t>(n)) != 0) {
        throw std::runtime_error{"a server echoed other bytes than were sent"};
    }
    c.received += static_cast<std::size_t>(n);
    return n;
}

std::int64_t echo_clients::run(std::uint64_t round_trips) {
    std::uint64_t to_begin = round_trips;
    std::uint64_t running = 0;
    std::int64_t bytes = 0;
    const auto begin = [&](client& c) {
        c.sent = 0;
        c.received = 0;
        --to_begin;
        ++running;
        send(c);
    };
    for (client& c : clients_) {
        if (to_begin != 0) begin(c);
    }
    std::array<epoll_event, 256> events;
    while (running != 0) {
        const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10'000);
        if (count == 0) throw std::runtime_error{"a server does not answer"};
        if (count < 0 && errno == EINTR) continue;
        for (int i = 0; i < checked(count, "epoll_wait"); ++i) {
            client& c = clients_[events[static_cast<std::size_t>(i)].data.u64];
            if (c.received == message_.size() || (c.sent == 0 && c.received == 0)) continue;
            send(c);
            while (c.received != message_.size()) {
                const std::int64_t n = receive(c);
                if (n < 0) break;
                bytes += n;
            }
            if (c.received != message_.size()) continue;
            --running;
            if (to_begin != 0) begin(c);
        }
    }
    return bytes;
}

} // namespace bench

// SPDX-License-Identifier: MIT
#include "crowd.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.hpp"
#include "crowd_servers.hpp"
#include "remote.hpp"

namespace bench {

namespace {

using steady = std::chrono::steady_clock;

constexpr std::uint64_t connections = 10'000;

/// Clients that send nothing unless told to.
class crowd {
public:
    crowd(std::uint16_t port, std::size_t count) : epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
        fds_.reserve(count);
        for (std::size_t i = 0; i != count; ++i) {
            const int fd = connect_here(port);
            fds_.push_back(fd);
            epoll_event e{};
            e.events = EPOLLIN;
            e.data.fd = fd;
            if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &e) != 0) throw std::runtime_error{"epoll_ctl"};
        }
    }
    crowd(const crowd&) = delete;
    crowd& operator=(const crowd&) = delete;
    ~crowd() {
        for (const int fd : fds_) ::close(fd);
        ::close(epoll_);
    }

    /// Sends one message from the first client.
    void send(char first) {
        std::array<char, crowd_message> message{};
        message[0] = first;
        if (::send(fds_.front(), message.data(), message.size(), MSG_NOSIGNAL) != crowd_message) {
            throw std::runtime_error{"a server has dropped a client"};
        }
    }

    /// Waits until each client has received a message. Returns the number of bytes.
    std::int64_t receive_all() {
        std::int64_t expected = crowd_message * static_cast<std::int64_t>(fds_.size());
        std::vector<unsigned> got(static_cast<std::size_t>(fds_.back()) + 1, 0);
        return wait(expected, [&](int fd) -> std::int64_t {
            std::array<char, 2 * crowd_message> buffer;
            const ssize_t n = ::recv(fd, buffer.data(), buffer.size(), MSG_DONTWAIT);
            if (n <= 0) throw std::runtime_error{"a server has dropped a client"};
            if ((got[static_cast<std::size_t>(fd)] += static_cast<unsigned>(n)) > crowd_message) {
                throw std::runtime_error{"a client got a message twice"};
            }
            return n;
        });
    }

    /// Waits until each client has seen the end of its connection. Returns the number of clients.
    std::int64_t see_end() {
        return wait(static_cast<std::int64_t>(fds_.size()), [&](int fd) -> std::int64_t {
            char byte = 0;
            if (::recv(fd, &byte, 1, MSG_DONTWAIT) > 0) throw std::runtime_error{"a server sent too much"};
            ::epoll_ctl(epoll_, EPOLL_CTL_DEL, fd, nullptr);
            return 1;
        });
    }

private:
    template <class F>
    std::int64_t wait(std::int64_t expected, F each) {
        std::int64_t sum = 0;
        std::array<epoll_event, 256> events;
        while (sum < expected) {
            const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 10'000);
            if (count < 0 && errno == EINTR) continue;
            if (count <= 0) throw std::runtime_error{"a server has lost some of its clients"};
            for (int i = 0; i < count; ++i) sum += each(events[static_cast<std::size_t>(i)].data.fd);
        }
        return sum;
    }

    int epoll_;
    std::vector<int> fds_;
};

void wait_until_descriptors(const server_process& server, std::size_t wanted) {
    const auto last = steady::now() + std::chrono::seconds{10};
    while (server.descriptors() != wanted) {
        if (steady::now() > last) throw std::runtime_error{"a server has fewer connections than clients"};
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
}

/// Waits until the server has finished its work for newly accepted connections.
void wait_until_idle(const server_process& server) {
    for (double before = -1, now = 0; before != now;) {
        before = server.cpu_nanoseconds();
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
        now = server.cpu_nanoseconds();
    }
}

measurement ask(const server_process::serve& serve, std::uint64_t count, of_crowd what) {
    const server_process server{serve};
    // A first connection makes the server allocate what it allocates once, and shows its number of descriptors.
    {
        crowd one{server.port(), 1};
        one.send('m');
        one.receive_all();
        one.send(crowd_leaves);
        one.see_end();
    }
    wait_until_idle(server);
    const std::size_t descriptors = server.descriptors();
    const std::size_t memory = server.anonymous_memory();

    const double cpu_before = server.cpu_nanoseconds();
    crowd all{server.port(), count};
    wait_until_descriptors(server, descriptors + count);
    wait_until_idle(server);
    const double accept = server.cpu_nanoseconds() - cpu_before;
    const double grown = static_cast<double>(server.anonymous_memory()) - static_cast<double>(memory);

    const double cpu = server.cpu_nanoseconds();
    all.send('m');
    std::int64_t checksum = all.receive_all();
    wait_until_idle(server);
    const double broadcast = server.cpu_nanoseconds() - cpu;

    const auto began = steady::now();
    all.send(crowd_leaves);
    checksum += all.see_end();
    wait_until_descriptors(server, descriptors);
    const std::chrono::duration<double, std::nano> drop = steady::now() - began;

    crowd another{server.port(), 1};
    another.send('m');
    checksum += another.receive_all();
    switch (what) {
    case of_crowd::accept:
        return {accept, checksum};
    case of_crowd::memory:
        return {grown, checksum};
    case of_crowd::broadcast:
        return {broadcast, checksum};
    case of_crowd::drop:
        return {drop.count(), checksum};
    }
    return {};
}

} // namespace

int ask_crowd(int argc, char** argv, std::string text, of_crowd what) {
    using weir::backend_kind;
    const char* const units[] = {"server CPU ns/connection", "bytes/connection", "server CPU ns/connection",
                                 "ns/connection"};
    question q{argc, argv, std::move(text), units[static_cast<int>(what)], connections};
    const bool enough = raise_descriptor_limit(connections + 100);
    if (!enough) {
        std::fprintf(stderr, "%llu open files in a process are not allowed here (ulimit -n)\n",
                     static_cast<unsigned long long>(connections + 100));
    }
    const auto served_by = [&](server_process::serve serve) {
        return [serve = std::move(serve), what](std::uint64_t count) { return ask(serve, count, what); };
    };
    const auto add = [&](auto kind, std::string name, server_process::serve serve, bool here) {
        if (!enough || !here) {
            q.missing(std::move(name));
        } else {
            kind(std::move(name), served_by(std::move(serve)));
        }
    };
    const auto floor = [&](std::string name, work run) { q.floor(std::move(name), std::move(run)); };
    const auto peer = [&](std::string name, work run) { q.peer(std::move(name), std::move(run)); };
    const auto weir = [&](std::string name, work run) { q.weir(std::move(name), std::move(run)); };

    add(floor, "liburing, multishot, buffer ring", [](const auto& ready) { raw_uring_crowd(ready); }, have_uring());
    add(floor, "epoll", raw_epoll_crowd, true);
    add(peer, "asio", [](const auto& ready) { asio_crowd(ready); }, have_asio());
    const std::pair<const char*, backend_kind> kinds[] = {{"uring", backend_kind::uring},
                                                          {"epoll", backend_kind::epoll}};
    for (const auto& [name, kind] : kinds) {
        const bool here = kind == backend_kind::epoll || have_uring();
        add(
            weir, std::string{name} + ": read | for_each", [kind](const auto& ready) { weir_crowd(ready, kind); },
            here);
        add(
            weir, std::string{name} + ": co_await read(buffer)",
            [kind](const auto& ready) { weir_crowd_buffer(ready, kind); }, here);
    }
    return q.run();
}

} // namespace bench

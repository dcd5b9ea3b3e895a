// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bench {

/// A server in a process of its own, whose processor time is read from outside.
class server_process {
public:
    /// Runs in the new process; calls `ready` with its port when it listens.
    using serve = std::function<void(const std::function<void(std::uint16_t)>& ready)>;

    explicit server_process(const serve& run);
    server_process(const server_process&) = delete;
    server_process& operator=(const server_process&) = delete;
    ~server_process();

    std::uint16_t port() const noexcept { return port_; }
    pid_t id() const noexcept { return child_; }
    /// Of all its threads, in user and kernel mode.
    double cpu_nanoseconds() const;
    /// Memory of its own: what it shares with no file is counted, the kernel's is not.
    std::size_t anonymous_memory() const;
    /// How many are open.
    std::size_t descriptors() const;

private:
    pid_t child_ = -1;
    std::uint16_t port_ = 0;
};

/// True when that many descriptors can be open in one process, from now on.
bool raise_descriptor_limit(std::uint64_t wanted);

/// A new listening socket at 127.0.0.1; its connections send at once.
int listen_here(std::uint16_t& port);
/// A new connection to there; it sends at once.
int connect_here(std::uint16_t port);

/// Clients that send a message, wait for all of it to come back, compare it, and send the next.
class echo_clients {
public:
    echo_clients(std::uint16_t port, std::size_t connections, std::size_t message);
    echo_clients(const echo_clients&) = delete;
    echo_clients& operator=(const echo_clients&) = delete;
    ~echo_clients();

    /// That many round trips, spread over all connections. Returns how many bytes came back as they were sent.
    std::int64_t run(std::uint64_t round_trips);

private:
    struct client {
        int fd;
        std::size_t sent;
        std::size_t received;
    };

    bool send(client& c);
    std::int64_t receive(client& c);

    int epoll_;
    std::string message_;
    std::string buffer_;
    std::vector<client> clients_;
};

} // namespace bench

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace bench {

/// A server in a child process, whose processor time is read from outside.
class server_process {
public:
    /// Runs in the child process, and calls `ready` with its port when it listens.
    using serve = std::function<void(const std::function<void(std::uint16_t)>& ready)>;

    explicit server_process(const serve& run);
    server_process(const server_process&) = delete;
    server_process& operator=(const server_process&) = delete;
    ~server_process();

    std::uint16_t port() const noexcept { return port_; }
    pid_t id() const noexcept { return child_; }
    /// Returns the processor time of all threads, in user and kernel mode.
    double cpu_nanoseconds() const;
    /// Returns the size of its anonymous memory. Memory of the kernel is not included.
    std::size_t anonymous_memory() const;
    /// Returns the number of open descriptors.
    std::size_t descriptors() const;

private:
    pid_t child_ = -1;
    std::uint16_t port_ = 0;
};

/// Raises the limit of open descriptors in one process. Returns whether it is at least the wanted number.
bool raise_descriptor_limit(std::uint64_t wanted);

/// Returns a new listening socket at 127.0.0.1, whose connections send without delay (TCP_NODELAY).
int listen_here(std::uint16_t& port);
/// Returns a new connection to 127.0.0.1, which sends without delay.
int connect_here(std::uint16_t port);

/// Clients that send a message, wait for the whole echo, compare it, and send the next message.
class echo_clients {
public:
    echo_clients(std::uint16_t port, std::size_t connections, std::size_t message);
    echo_clients(const echo_clients&) = delete;
    echo_clients& operator=(const echo_clients&) = delete;
    ~echo_clients();

    /// Makes a number of round trips, spread over all connections. Returns the number of bytes that were echoed
    /// correctly.
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

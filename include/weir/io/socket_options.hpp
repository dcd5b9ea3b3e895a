// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

#include <weir/backend/endpoint.hpp>
#include <weir/core/time.hpp>

namespace weir {

class backend;

/// What is set on a TCP connection, or on all that a listener accepts.
///
///     weir::tcp_connect(peer, {.keep_alive = 30s})
///
/// What the kernel refuses is std::system_error,
/// `set receive_buffer = 8388608 on 10.0.0.1:80: No buffer space available`; that is also what it says when it would
/// give less than was asked for (net.core.rmem_max, net.core.wmem_max).
struct tcp_options {
    bool no_delay = true; ///< small writes go out at once
    duration
        keep_alive{}; ///< silence after which the peer is asked whether it is there; rounded up to seconds; 0: never
    duration keep_alive_interval{}; ///< between questions; 0: the system's
    int keep_alive_probes = 0; ///< questions without an answer after which reads fail with ETIMEDOUT; 0: the system's
    std::size_t receive_buffer = 0; ///< bytes; 0: as the kernel finds best, which is most often more
    std::size_t send_buffer = 0;    ///< bytes; 0: the same

    friend bool operator==(const tcp_options&, const tcp_options&) = default;
};

/// What is set on a UDP socket. Errors as of tcp_options.
struct udp_options {
    bool reuse_port = false;        ///< several sockets on one port share what comes
    bool broadcast = false;         ///< may send to broadcast addresses
    std::size_t receive_buffer = 0; ///< bytes that wait to be received; what does not fit is lost; 0: the system's
    std::size_t send_buffer = 0;    ///< bytes that wait to go out; 0: the system's
};

namespace detail {

/// @throws std::invalid_argument naming the function and the option
void check(const tcp_options& options, std::string_view function);
void check(const udp_options& options, std::string_view function);

/// @param address  for messages
/// @throws std::system_error naming the option that was refused
void set_options(backend& io, int fd, const tcp_options& options, const endpoint& address);
void set_options(backend& io, int fd, const udp_options& options, const endpoint& address);
void set_reuse_port(backend& io, int fd, const endpoint& address);

} // namespace detail

} // namespace weir

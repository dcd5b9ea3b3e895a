// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string_view>

#include <weir/backend/endpoint.hpp>
#include <weir/core/time.hpp>

namespace weir {

class backend;

/// The options of a TCP connection, or of all connections that a listener accepts.
///
///     weir::tcp_connect(peer, {.keep_alive = 30s})
///
/// Errors: std::system_error for a refused option, such as
/// `set receive_buffer = 8388608 on 10.0.0.1:80: No buffer space available`. A buffer that the kernel would make
/// smaller than requested (net.core.rmem_max, net.core.wmem_max) is refused too.
struct tcp_options {
    bool no_delay = true;           ///< sends small writes at once
    duration keep_alive{};          ///< silence before the first probe; rounded up to seconds; 0: no probes
    duration keep_alive_interval{}; ///< between probes; 0: the system's
    int keep_alive_probes = 0;      ///< unanswered probes before reads fail with ETIMEDOUT; 0: the system's
    std::size_t receive_buffer = 0; ///< bytes; 0: sized by the kernel, usually larger
    std::size_t send_buffer = 0;    ///< bytes; 0: the same

    friend bool operator==(const tcp_options&, const tcp_options&) = default;
};

/// The options of a UDP socket. Errors as of tcp_options.
struct udp_options {
    bool reuse_port = false;        ///< several sockets share the datagrams of one port
    bool broadcast = false;         ///< allows broadcast addresses
    int ttl = 0;                    ///< the number of hops of a datagram, at most 255; 0: the system's, usually 64
    int multicast_ttl = 0;          ///< the same for multicast; 0: the system's, which is 1, the local network
    bool multicast_loop = true;     ///< multicast is received by sockets of this machine, too
    std::size_t receive_buffer = 0; ///< bytes waiting to be received; others are lost; 0: the system's
    std::size_t send_buffer = 0;    ///< bytes waiting to be sent; 0: the system's
};

namespace detail {

/// @throws std::invalid_argument naming the function and the option
void check(const tcp_options& options, std::string_view function);
void check(const udp_options& options, std::string_view function);

/// @param address  the address for error messages
/// @throws std::system_error naming the option that was refused
void set_options(backend& io, int fd, const tcp_options& options, const endpoint& address);
void set_options(backend& io, int fd, const udp_options& options, const endpoint& address);
void set_reuse_port(backend& io, int fd, const endpoint& address);

} // namespace detail

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <vector>

#include <weir/backend/endpoint.hpp>
#include <weir/core/time.hpp>
#include <weir/io/tcp.hpp>
#include <weir/task.hpp>

namespace weir {

/// A name has no address, or nobody who knows could be asked: `resolve no.such.host: Name or service not known`.
class resolve_error : public std::runtime_error {
public:
    /// @param code  as getaddrinfo(3) returns it: EAI_NONAME, EAI_AGAIN, ...
    resolve_error(const std::string& host, int code);

    int code() const noexcept { return code_; }
    /// Another attempt may do: the name server did not answer.
    bool temporary() const noexcept;

private:
    int code_;
};

/// `co_await resolve(host, port)`: the addresses of a name, the best first, as the system's getaddrinfo gives them.
///
///     for (const weir::endpoint& e : co_await weir::resolve("localhost", 8080)) print(e);
///
/// A numeric address is its own answer, at once. The system's resolver blocks: it is asked on a thread of a small pool
/// that all executors share. Abandoned, it is no longer waited for.
///
/// @throws resolve_error
task<std::vector<endpoint>> resolve(std::string host, std::uint16_t port);

struct connect_options {
    duration attempt_delay = std::chrono::milliseconds{250}; ///< until the next address is tried beside it
    duration address_timeout = std::chrono::seconds{10};     ///< for each address
    tcp_options socket = {};
};

/// `co_await tcp_connect(host, port)`: a connection to the first of a name's addresses that takes one.
///
/// IPv6 and IPv4 in turn, each begun when the one before has failed or has not answered for a while; the first that
/// stands is the answer, and the others are dropped (happy eyeballs, RFC 8305).
///
/// @throws resolve_error; when no address takes a connection, the error of the last to fail: std::system_error, or
///         timed_out
task<tcp_stream> tcp_connect(std::string host, std::uint16_t port, connect_options options = {});

/// The same for addresses that are known, in the order in which they are given.
/// @throws std::invalid_argument when there are none, or an option makes no sense
task<tcp_stream> tcp_connect(std::vector<endpoint> addresses, connect_options options = {});

} // namespace weir

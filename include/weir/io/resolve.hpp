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

/// Thrown when a name has no address or no name server has answered: `resolve no.such.host: Name or service not known`.
class resolve_error : public std::runtime_error {
public:
    /// @param code  as getaddrinfo(3) returns it: EAI_NONAME, EAI_AGAIN, ...
    resolve_error(const std::string& host, int code);

    int code() const noexcept { return code_; }
    /// Whether another attempt may succeed, because no name server has answered.
    bool temporary() const noexcept;

private:
    int code_;
};

/// `co_await resolve(host, port)`: the addresses of a name, in the order of the system's getaddrinfo.
///
///     for (const weir::endpoint& e : co_await weir::resolve("localhost", 8080)) print(e);
///
/// A numeric address is converted at once. The system's resolver blocks, and is called on a small pool of threads that
/// all executors share. Dropping the operation does not wait for it.
///
/// @throws resolve_error
task<std::vector<endpoint>> resolve(std::string host, std::uint16_t port);

struct connect_options {
    duration attempt_delay = std::chrono::milliseconds{250}; ///< the delay before the next address is tried too
    duration address_timeout = std::chrono::seconds{10};     ///< the time limit of each address
    tcp_options socket = {};
};

/// `co_await tcp_connect(host, port)`: connects to the first of a name's addresses that accepts.
///
/// IPv6 and IPv4 addresses are tried alternately. The next attempt starts when the previous one has failed or has not
/// answered within `attempt_delay`. The first connection is the result; the other attempts are dropped (happy eyeballs,
/// RFC 8305).
///
/// @throws resolve_error; when no address accepts, the error of the last attempt to fail: std::system_error, or
///         timed_out
task<tcp_stream> tcp_connect(std::string host, std::uint16_t port, connect_options options = {});

/// The same for known addresses, in the given order.
/// @throws std::invalid_argument when there are none, or an option is out of range
task<tcp_stream> tcp_connect(std::vector<endpoint> addresses, connect_options options = {});

} // namespace weir

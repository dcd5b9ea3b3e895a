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

struct resolve_options {
    /// How long a name server may take. Then the error is a resolve_error that is `temporary`; > 0
    duration timeout = std::chrono::seconds{30};
};

/// `co_await resolve(host, port)`: the addresses of a name, in the order of the system's getaddrinfo.
///
///     for (const weir::endpoint& e : co_await weir::resolve("localhost", 8080)) print(e);
///
/// A numeric address is converted at once. The system's resolver blocks, and is called on threads that all executors
/// share: one for each name that is being looked up, up to 64, so that a name server that does not answer delays its
/// own names only. Lookups of the same name at the same time are made once.
///
/// Errors: resolve_error.
/// Dropped: at once. A lookup that has begun continues for later callers.
///
/// @throws std::invalid_argument when the time limit is not positive
task<std::vector<endpoint>> resolve(std::string host, std::uint16_t port, resolve_options options = {});

struct connect_options {
    duration attempt_delay = std::chrono::milliseconds{250}; ///< the delay before the next address is tried too
    duration address_timeout = std::chrono::seconds{10};     ///< the time limit of each address
    tcp_options socket = {};
    resolve_options resolve = {}; ///< for a name
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

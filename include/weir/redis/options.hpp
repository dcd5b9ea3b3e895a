// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <weir/core/time.hpp>
#include <weir/resilience/retry_policy.hpp>

namespace weir::redis {

/// Whether a client accepts commands that wait on the server, such as BLPOP. All commands behind one wait with it.
enum class blocking_commands {
    refused,
    accepted, ///< for a client that one task uses
};

/// The server of a client, and the client's limits.
///
///     weir::redis::options at{.host = "cache.example.org", .password = secret, .database = 2};
///     auto same = weir::redis::options::from_url("redis://:secret@cache.example.org/2");
///
/// No message of an error contains the password.
struct options {
    std::string host = "localhost"; ///< a name or an address
    std::uint16_t port = 6379;
    std::string unix_path = {};   ///< a Unix socket, instead of host and port
    bool tls = false;             ///< the client needs `redis::over_tls` then
    std::string user = {};        ///< "" for the default user
    std::string password = {};    ///< "" for none
    int database = 0;             ///< for SELECT; 0 or more
    std::string client_name = {}; ///< for CLIENT SETNAME; "" for none

    /// The time limit of an attempt to connect, up to the replies to AUTH, SELECT and CLIENT SETNAME; > 0
    duration connect_timeout = std::chrono::seconds{10};
    /// A connection is lost when replies are due and the server has sent nothing for so long. Blocking commands are
    /// exempt. > 0
    duration reply_timeout = std::chrono::seconds{30};
    /// The maximum number of commands that are sent and not answered. Further commands wait; > 0
    std::size_t max_in_flight = 1024;
    /// The maximum size of a reply in bytes, as it is sent. A larger one fails with limit_exceeded, and the connection
    /// is closed.
    std::size_t max_reply_size = std::size_t{64} << 20;
    /// Attempts to connect, and the waits between them. When they have failed, the waiting commands fail. The next
    /// command starts again.
    retry_policy reconnect = {
        .attempts = 10, .delay = std::chrono::milliseconds{50}, .max_delay = std::chrono::seconds{2}};
    redis::blocking_commands blocking_commands = redis::blocking_commands::refused;

    /// The options of a URL: `redis://user:password@host:port/database`, `rediss://...` for TLS, or
    /// `unix:/path/to/socket` or `unix://user:password@/path/to/socket?db=2`.
    ///
    /// All parts after the scheme are optional. User, password and path may have %xx for special characters.
    ///
    /// @throws std::invalid_argument, which names the wrong part and does not show the URL, as it may have a password
    static options from_url(std::string_view url);
};

namespace detail {

/// @throws std::invalid_argument when an option is out of range
void check(const options& o);

} // namespace detail

} // namespace weir::redis

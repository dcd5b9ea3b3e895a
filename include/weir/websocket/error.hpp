// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

#include <weir/core/limit_exceeded.hpp>

namespace weir::websocket {

/// Why a connection is closed. Programs may use other codes from 3000 to 4999.
enum class close_code : std::uint16_t {
    normal = 1000,
    going_away = 1001, ///< the server stops, or a browser leaves the page
    protocol_error = 1002,
    unsupported_data = 1003,
    no_code = 1005, ///< the peer has sent none; it is never sent
    invalid_data = 1007,
    policy_violation = 1008,
    message_too_big = 1009,
    extension_missing = 1010,
    internal_error = 1011,
    service_restart = 1012,
    try_again_later = 1013,
    bad_gateway = 1014,
};

/// A peer that violates the protocol, such as
/// `weir::websocket: read from 10.0.0.1:4711: a frame is not masked`. The text has no data of the peer.
class protocol_error : public std::runtime_error {
public:
    /// @param code  that is sent to the peer
    protocol_error(const std::string& what, close_code code) : std::runtime_error{what}, code_{code} {}

    close_code code() const noexcept { return code_; }

private:
    close_code code_;
};

/// A message or a frame that is larger than its limit:
/// `weir::websocket: read from 10.0.0.1:4711: a message has more than 1048576 bytes`.
class message_too_large : public limit_exceeded {
public:
    using limit_exceeded::limit_exceeded;
};

/// The connection ended without a close frame.
class truncated : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A server's answer that is not the one to a WebSocket's handshake. A status other than 101 is an
/// http::upgrade_refused.
class handshake_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

} // namespace weir::websocket

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <stdexcept>

namespace weir::tls {

/// A failure of the protocol: `weir::tls: handshake with 10.0.0.1:443: wrong version number`. It names the peer and the
/// reason, and never a key, a certificate's contents or data. Errors of the stream below are thrown as they are.
class error : public std::runtime_error {
public:
    using runtime_error::runtime_error;
};

/// The peer's certificate was refused: expired, for another host, of an unknown authority, revoked, or missing.
class certificate_error : public error {
public:
    using error::error;
};

/// The connection ended without a close_notify: data may be missing.
class truncated : public error {
public:
    using error::error;
};

} // namespace weir::tls

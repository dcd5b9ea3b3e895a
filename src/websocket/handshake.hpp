// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

namespace weir::websocket::detail {

/// A random key of a client's handshake.
std::string make_key();
/// Whether a text is 16 bytes in base64.
bool is_key(std::string_view text) noexcept;
/// What a server answers to a key (RFC 6455, 4.2.2).
std::string accept_key(std::string_view key);

} // namespace weir::websocket::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

#include <weir/core/limit_exceeded.hpp>

namespace weir::http {

/// What is wrong with a message.
enum class fault : std::uint8_t {
    start_line,          ///< the request line or the status line is malformed
    unknown_method,      ///< the method is not one that the parser knows
    unsupported_version, ///< the version is neither HTTP/1.0 nor HTTP/1.1
    line_end,            ///< a line does not end with CR LF, or has another CR
    folded_line,         ///< a header line begins with white space
    header_name,       ///< the name of a header has white space or another character that no name may have, or is empty
    header_value,      ///< the value of a header has a NUL or another control character
    host,              ///< a request has no Host header, several, or one with characters that no host has
    content_length,    ///< Content-Length is not one decimal number that fits in 63 bits
    transfer_encoding, ///< Transfer-Encoding contradicts Content-Length or the version, or does not end with `chunked`
    unsupported_coding, ///< Transfer-Encoding names another coding than `chunked`
    chunk,              ///< the size or the end of a chunk is malformed
    trailer,            ///< a trailer changes the framing or the routing of its message
    truncated,          ///< the connection has ended within the message
};

/// A message that violates the protocol, such as
/// `weir::http: read from 10.0.0.1:4711: byte 31: white space before the colon of a header`. The text names the peer,
/// the place and the reason, and has no data of the message.
class bad_message : public std::runtime_error {
public:
    /// @param position  the number of bytes of the message before the fault
    bad_message(const std::string& what, fault reason, std::uint64_t position)
        : std::runtime_error{what}, position_{position}, reason_{reason} {}

    fault reason() const noexcept { return reason_; }
    std::uint64_t position() const noexcept { return position_; }

private:
    std::uint64_t position_;
    fault reason_;
};

/// The part of a message that has a limit.
enum class message_part : std::uint8_t {
    start_line,
    head,     ///< the start line and the headers, or the trailers, in bytes
    headers,  ///< the number of headers, or of trailers
    chunking, ///< the lines between the data of two chunks
    body,
};

/// A message of which a part is larger than its limit, such as
/// `weir::http: read from 10.0.0.1:4711: the head has more than 65536 bytes`.
class message_too_large : public limit_exceeded {
public:
    message_too_large(const std::string& what, message_part part) : limit_exceeded{what}, part_{part} {}

    message_part part() const noexcept { return part_; }

private:
    message_part part_;
};

} // namespace weir::http

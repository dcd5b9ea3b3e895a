// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

#include <weir/core/limit_exceeded.hpp>
#include <weir/core/time.hpp>
#include <weir/core/timed_out.hpp>

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
    host,              ///< a request has no Host header, several, or a host that is not one, there or in the target
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
    event_line, ///< a line of an event stream
    event,      ///< the data and the type of a server-sent event
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

/// A connection that ended before a byte of the response arrived:
/// `weir::http: read from 10.0.0.1:80: the connection has ended before a response`. The request may have had its
/// effect.
class no_response : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A redirect that is not followed: there are too many, or the Location is not a URL, or it leads from https to http,
/// or the body of the request is a stream, which cannot be sent again.
class redirect_error : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

/// A response that is not a stream of events, such as `weir::http: events of http://a: the status is 404`: its status
/// is not 200, or its Content-Type is not text/event-stream.
class not_an_event_stream : public std::runtime_error {
public:
    not_an_event_stream(const std::string& what, unsigned status) : std::runtime_error{what}, status_{status} {}

    unsigned status() const noexcept { return status_; }

private:
    unsigned status_;
};

/// A server that does not change the protocol: `weir::http: upgrade at http://a: the status is 403`.
class upgrade_refused : public std::runtime_error {
public:
    upgrade_refused(const std::string& what, unsigned status) : std::runtime_error{what}, status_{status} {}

    unsigned status() const noexcept { return status_; }

private:
    unsigned status_;
};

/// The part of a request that has a time limit of its own.
enum class request_phase : std::uint8_t {
    connect, ///< connecting, with the handshake of TLS
    write,   ///< the peer takes no data
    head,    ///< from the end of the request to the end of the response's head
    body,    ///< between two parts of the response's body
    total,   ///< from the start to the end of the response's body, with redirects
};

/// A request that took too long, such as
/// `weir::http: read from 10.0.0.1:80: no head of a response within 30s`.
class request_timed_out : public timed_out {
public:
    request_timed_out(const std::string& what, request_phase phase, duration limit)
        : timed_out{what, limit}, phase_{phase} {}

    request_phase phase() const noexcept { return phase_; }

private:
    request_phase phase_;
};

} // namespace weir::http

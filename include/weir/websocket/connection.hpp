// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>
#include <weir/core/time.hpp>
#include <weir/http/upgrade.hpp>
#include <weir/task.hpp>
#include <weir/websocket/error.hpp>

namespace weir::websocket {

enum class message_type : std::uint8_t {
    text, ///< UTF-8
    binary,
};

class message {
public:
    message() noexcept = default;
    message(std::string content, message_type kind = message_type::text) noexcept
        : data{std::move(content)}, type{kind} {}

    std::string data;
    message_type type = message_type::text;

    friend bool operator==(const message&, const message&) = default;
};

/// What a close frame says.
struct close_reason {
    close_code code = close_code::no_code;
    std::string text = {};

    friend bool operator==(const close_reason&, const close_reason&) = default;
};

/// Limits of a connection.
struct options {
    std::size_t max_message = 1024 * 1024; ///< the bytes of a message that arrives, with all its frames
    std::size_t max_frame = 1024 * 1024;   ///< the bytes of one frame that arrives
    /// After so long without a byte from the peer, while the stream waits, a ping is sent. duration::max(): never.
    duration ping_interval = std::chrono::seconds{30};
    duration pong_timeout = std::chrono::seconds{20};  ///< from the ping to the next byte
    duration write_timeout = std::chrono::seconds{30}; ///< in which the peer takes 64 KiB
    duration close_timeout = std::chrono::seconds{5};  ///< from the close frame to that of the peer
};

/// Which end of a connection this is: a client masks what it sends.
enum class role : std::uint8_t { client, server };

namespace detail {
class connection_core;
} // namespace detail

/// A WebSocket: the stream of the messages that arrive, and `send` for the other direction.
///
///     weir::task<> echo(weir::websocket::connection& c) {
///         while (auto m = co_await weir::next(c)) co_await c.send(*std::move(m));
///     }
///
/// Messages are read when the stream is polled: while the program does not ask, the peer has to wait. Pings are
/// answered, and pings of its own are sent, while the stream is polled; a program that only sends should read as well,
/// so that it learns of the end.
///
/// Ends: after the close frames of both ends; `peer_reason()` then has that of the peer.
/// Errors: protocol_error and message_too_large, after a close frame with the fitting code was sent; timed_out when
/// nothing comes after a ping, when the peer takes no data, or when it does not answer a close frame; truncated; those
/// of the stream below.
/// Dropped: closes the connection without a close frame. `co_await c.close()` says goodbye. A dropped poll or `next`
/// loses no message.
/// Lifetime: the connection must outlive its operations. It may be moved between them.
/// Threads: one executor.
/// Cost: 16 KiB for bytes that arrive, 4 KiB for the parser, and what was not sent yet. One allocation per message that
/// is longer than 15 bytes.
/// See: connect, accept.
class [[nodiscard("add a sink and co_await it")]] connection {
public:
    using value_type = message;

    /// A connection whose handshake was made. `connect` and `accept` make it.
    /// @throws std::invalid_argument for options that are out of range
    connection(http::upgraded_stream stream, role which, const options& limits = {});
    connection(connection&&) noexcept;
    connection& operator=(connection&&) noexcept;
    ~connection();

    poll<message> poll_next(context& cx);
    void outline(stage_outline& out) const;

    /// `co_await c.send("text")`: sends a message. Several tasks may send at the same time; their messages are sent
    /// whole, in order. It returns when the message is in the connection's buffer, which takes messages until it has
    /// 16 KiB, so that small messages share a write; a message of more than 64 KiB is sent in fragments, and it returns
    /// when the last is in the buffer.
    ///
    /// Errors: std::invalid_argument for a text that is not UTF-8; closed after a close frame was sent; those of the
    /// connection.
    /// Dropped: a message whose turn has not come is not sent; any other is sent whole.
    task<> send(message m);
    task<> send(std::string text) { return send(message{std::move(text)}); }

    /// `co_await c.flush()`: waits until all that was sent has been taken by the stream below.
    task<> flush();

    /// `co_await c.start_close(code, text)`: sends a close frame behind the messages. The stream ends when the peer has
    /// answered, or fails after close_timeout. For a program in which another task reads. Does nothing after a close.
    /// @param text  up to 123 bytes of UTF-8
    /// @throws std::invalid_argument for a code that must not be sent, and such a text
    task<> start_close(close_code code = close_code::normal, std::string text = {});

    /// `co_await c.close(code, text)`: start_close, and then reads up to the end. Messages that still arrive are
    /// dropped.
    task<> close(close_code code = close_code::normal, std::string text = {});

    /// The close frame of the peer, if it has arrived.
    const std::optional<close_reason>& peer_reason() const noexcept;
    /// Whether a close frame was sent, or is about to be.
    bool is_closing() const noexcept;
    /// The name of the stream below.
    const std::string& name() const noexcept;
    /// The subprotocol that the handshake has chosen, or "".
    const std::string& protocol() const noexcept { return protocol_; }
    void set_protocol(std::string name) { protocol_ = std::move(name); }

private:
    std::unique_ptr<detail::connection_core> core_;
    std::string protocol_;
};

} // namespace weir::websocket

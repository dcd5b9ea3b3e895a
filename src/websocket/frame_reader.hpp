// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <weir/operators/utf8_validate.hpp>
#include <weir/websocket/connection.hpp>

struct wslay_frame_context;

namespace weir::websocket::detail {

enum class opcode : std::uint8_t { continuation = 0, text = 1, binary = 2, close = 8, ping = 9, pong = 10 };

struct free_frame_context {
    void operator()(wslay_frame_context* c) const noexcept;
};
using frame_context = std::unique_ptr<wslay_frame_context, free_frame_context>;

/// What the next bytes of a connection have completed.
enum class frame_step : std::uint8_t { more, message, ping, pong, close };

/// The parser of one direction of a connection, without any I/O. wslay takes frames apart; this puts messages together
/// and refuses what the protocol does not allow.
///
/// The result does not depend on how the input is split.
///
/// Errors: protocol_error, message_too_large. After an error it must not be used.
class frame_reader {
public:
    /// @param own  the role of the end that reads
    /// @param name  the peer in error messages
    frame_reader(role own, std::string name, std::size_t max_message, std::size_t max_frame);
    frame_reader(const frame_reader&) = delete;
    frame_reader& operator=(const frame_reader&) = delete;
    ~frame_reader();

    /// Takes bytes off the front of the input, up to the next step.
    frame_step next(std::span<const char>& input);

    /// The message that the step `message` has completed. It may be moved away.
    websocket::message& message() noexcept { return message_; }
    /// The payload of the step `ping` or `pong`.
    const std::string& payload() const noexcept { return control_; }
    /// What the step `close` says.
    close_reason reason() const;

private:
    void start_frame(std::uint8_t code, bool fin, std::uint8_t reserved, bool masked, std::uint64_t size);
    void add(std::string_view part);
    frame_step end_frame();
    void check_text(std::string_view part, bool ends);
    void check_close() const;
    [[noreturn]] void fail(std::string_view why, close_code code = close_code::protocol_error) const;
    [[noreturn]] void fail_size(std::string_view what, std::size_t most) const;

    role own_;
    std::string name_;
    std::size_t max_message_;
    std::size_t max_frame_;
    frame_context frames_;
    std::span<const char> input_;
    websocket::message message_;
    std::string control_; // the payload of a control frame
    weir::detail::utf8_checker utf8_;
    std::uint64_t left_ = 0; // of the frame's payload
    opcode kind_ = opcode::continuation;
    bool in_frame_ = false;
    bool last_ = false; // of the message
    bool in_message_ = false;
};

/// Appends a frame; that of a client is masked.
void append_frame(std::string& to, role own, opcode kind, std::string_view payload, bool last = true);

/// The payload of a close frame.
std::string close_payload(const close_reason& reason);

/// Whether a close frame may have the code.
bool may_be_sent(close_code code) noexcept;

bool is_utf8(std::string_view text) noexcept;

} // namespace weir::websocket::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <weir/http/message.hpp>

namespace weir::http::detail {

enum class message_kind : std::uint8_t { request, response };

/// What the next bytes of a connection have completed.
enum class parse_step : std::uint8_t {
    more, ///< nothing: the input is used up
    head, ///< the head
    body, ///< a part of the body
    end,  ///< the message, with its trailers
};

/// The parser of one direction of a connection, without any I/O: it takes the bytes of the peer, and yields one message
/// after the other.
///
///     parser p{message_kind::request, "10.0.0.1:4711", {}};
///     for (;;) {
///         switch (p.next(input)) {                                // takes bytes off the front of input
///         case parse_step::more: input = read(); break;           // no bytes: p.end_of_input()
///         case parse_step::head: handle(p.request()); break;
///         case parse_step::body: append(p.body()); break;         // a part of the input
///         case parse_step::end: finish(p.trailers()); break;
///         }
///     }
///
/// It is strict, so that it finds the end of a message where every other strict parser does: see `fault`. The result
/// does not depend on how the input is split.
///
/// Errors: bad_message, message_too_large. After an error the parser must not be used.
/// Cost: one block for the parser. Heads are copied into memory that is used again for each message.
class parser {
public:
    /// @param name  the peer in error messages
    parser(message_kind kind, std::string name, const head_limits& limits);
    parser(parser&&) noexcept;
    parser& operator=(parser&&) noexcept;
    ~parser();

    /// Parses up to the next step. A step without input is possible: the end of a message without a body.
    parse_step next(std::span<const char>& input);
    /// To be called when the peer sends no more bytes. Returns `more` between messages, and `end` if this ends a
    /// message, which is a response without a length.
    /// @throws bad_message with fault::truncated within a message
    parse_step end_of_input();

    /// Whether no byte of the next message has arrived.
    bool between_messages() const noexcept;

    /// The head, from the step `head` until the next message starts. It may be moved away.
    request_head& request() noexcept;
    response_head& response() noexcept;
    /// The part of the body that the last step has completed: a part of its input.
    std::span<const char> body() const noexcept;
    /// The trailers, from the step `end` until the next message starts.
    headers& trailers() noexcept;

    /// Whether the message has a body, known from the step `head` on.
    bool has_body() const noexcept;
    /// The size of the body, if the head has it.
    std::optional<std::uint64_t> content_length() const noexcept;
    /// Whether the sender allows another message on this connection, known from the step `head` on.
    bool keeps_alive() const noexcept;

    /// For responses: the method of the request that the next ones answer, the interim responses (1xx) and the final
    /// one. An answer to HEAD, and a successful one to CONNECT, has no body. To be called before the head is complete.
    void set_request_method(std::string_view method) noexcept;

private:
    struct state;

    std::unique_ptr<state> state_;
};

} // namespace weir::http::detail

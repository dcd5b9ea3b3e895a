// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/http/body.hpp>
#include <weir/http/client_message.hpp>
#include <weir/http/detail/message_writer.hpp>
#include <weir/http/detail/parser.hpp>
#include <weir/http/error.hpp>
#include <weir/http/message.hpp>
#include <weir/http/upgrade.hpp>
#include <weir/io/bytes.hpp>

namespace weir::http::detail {

/// @throws std::invalid_argument naming the call and the option for a timeout that is not positive
void check(const exchange_options& options, const char* call);
/// Whether a request may change the protocol of its connection.
enum class protocol_change : std::uint8_t { refused, offered };

/// Names a header that the request must not have. Null if there is none.
const char* why_refused(const headers& fields, protocol_change change = protocol_change::refused) noexcept;
/// @throws std::invalid_argument for a request that the library cannot send
void check(const client_request& request, protocol_change change = protocol_change::refused);

/// The state of a client's end of a connection without its stream: it composes requests, and takes the bytes that
/// arrive.
class client_core : public response_source, public raw_stream {
public:
    explicit client_core(std::string name);

    /// Takes the body of a request, and composes its head. The connection must be new or reusable.
    /// @throws std::invalid_argument for a request that cannot be sent
    void start(client_request& request, const exchange_options& options,
               protocol_change change = protocol_change::refused);
    /// Sets the end of all waiting, and the limit that it comes from.
    void set_deadline(time_point until, duration limit) noexcept {
        deadline_ = until;
        deadline_limit_ = limit;
    }
    /// Gives the body of the request back, for another attempt, unless it is a stream. What was not sent of it is not
    /// sent any more.
    void give_back(http::body& to) noexcept {
        stop_writing();
        if (at_ != sending::nothing) at_ = sending::failed;
        if (!body_.is_stream()) to = std::move(body_);
        body_ = {};
    }

    /// Sends the request, and reads the head of the response.
    virtual poll<response_head> poll_head(context& cx) = 0;
    /// To be polled between two exchanges. Returns true when the connection is to be closed.
    virtual bool poll_idle(context& cx) = 0;

    /// Whether a byte of the response has arrived.
    bool has_answer() const noexcept { return answered_; }
    /// Whether the exchange has ended so that the connection can serve another one.
    bool reusable() const noexcept { return reusable_; }
    bool body_ended() const noexcept { return body_ended_; }

    const headers& trailers() const noexcept final { return trailers_; }
    const std::string& name() const noexcept final { return name_; }
    std::string raw_name() const final { return name_; }

protected:
    /// What is to be sent next.
    enum class sending : std::uint8_t {
        message,    ///< the head and the body
        head_alone, ///< the head, before a permission to send the body
        permission, ///< nothing: the permission has not arrived
        body,       ///< the body, behind the head
        nothing,    ///< all was sent
        failed,     ///< the connection takes no more; the response may have arrived nevertheless
    };

    virtual void stop_writing() noexcept = 0;

    /// The head of the final response, or nothing when more bytes are needed.
    std::optional<response_head> parse_head();
    /// A part of the body, which is empty at its end, or nothing when more bytes are needed.
    std::optional<bytes> parse_body();
    /// To be called at the end of the body.
    void finish() noexcept;

    void on_end_of_head_input();
    /// Returns true when the end of the input is the end of the body.
    /// @throws bad_message
    void on_end_of_body_input();
    /// @param until  when the time of this phase was over
    [[noreturn]] void fail_time(request_phase phase, time_point until) const;
    /// @param error  of the connection or of the request's body, while the request was being sent
    void on_write_error(std::exception_ptr error);

    /// What has arrived and was not parsed, for another protocol.
    bytes& unparsed() noexcept { return rest_; }

    std::span<char> input_room();
    void received(std::size_t size) noexcept {
        rest_ = input_.take(size);
        answered_ = true;
    }

    exchange_options options_;
    sending at_ = sending::nothing;
    framing how_ = framing::none;
    bool may_continue_ = false; // the permission has arrived
    std::string output_;
    http::body body_;
    std::exception_ptr write_error_;
    time_point deadline_ = time_point::max();
    bool body_ended_ = true;
    std::exception_ptr failure_; // of the response's body

private:
    bytes part_of(std::span<const char> found) const noexcept {
        return rest_.slice(static_cast<std::size_t>(found.data() - rest_.data()), found.size());
    }
    void check_size(std::uint64_t size) const;

    std::string name_;
    parser parser_;
    weir::detail::byte_filler input_;
    bytes rest_; // of what has arrived: what is not parsed yet
    headers trailers_;
    duration deadline_limit_ = duration::max();
    std::uint64_t read_ = 0; // bytes of the body
    bool says_close_ = false;
    bool offers_change_ = false; // of the protocol
    bool answered_ = false;
    bool reusable_ = true;
    bool interim_ = false; // the message that is being parsed is an interim response
};

} // namespace weir::http::detail

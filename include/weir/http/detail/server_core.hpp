// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>
#include <weir/http/detail/message_writer.hpp>
#include <weir/http/detail/parser.hpp>
#include <weir/http/message.hpp>
#include <weir/http/request.hpp>
#include <weir/io/bytes.hpp>

namespace weir::http {

/// Whether responses get the header Date.
enum class date_header : std::uint8_t { sent, omitted };

/// What becomes of a handler that is at work when the client ends its side of the connection. Most clients that do so
/// have gone; some, such as a script that pipes a request into nc, still wait for the answer.
enum class half_close : std::uint8_t { cancels, answered };

struct server_options {
    head_limits limits = {};
    std::uint64_t max_body = 1024 * 1024; ///< the bytes of a request's body, unless request::limit_body says otherwise
    std::uint64_t max_unread = 64 * 1024; ///< what is skipped of a body that the handler has not read
    duration head_timeout = std::chrono::seconds{10}; ///< from the first byte of a head to its last
    /// Between parts of the body that the handler waits for. A wait that was dropped counts until the next part.
    duration body_timeout = std::chrono::seconds{30};
    /// The bytes of a body per second of the time that the handler waits for it, on the average, after the first
    /// body_timeout. Slower clients are refused. 0: none.
    std::uint64_t min_body_rate = 240;
    duration write_timeout = std::chrono::seconds{30}; ///< in which the peer takes 64 KiB of the response
    duration idle_timeout = std::chrono::seconds{60};  ///< between two requests
    date_header date = date_header::sent;
    http::half_close half_close = http::half_close::cancels;
    /// Called with the failures of handlers, which are answered with the status 500, and of connections: bad_message,
    /// message_too_large, timed_out, and the errors of the stream.
    std::function<void(std::exception_ptr)> on_error = nullptr;
};

namespace detail {

enum class next_request : std::uint8_t {
    arrived,
    refused, ///< it is answered with an error, and the connection is closed
    none,    ///< the connection is closed without an answer
};

/// The state of a server's connection without its stream: it takes the bytes that arrive, and decides what is sent.
class server_core : public request_source {
public:
    server_core(std::string name, const server_options& options);

    const server_options& options() const noexcept { return options_; }
    std::string& output() noexcept { return output_; }
    request& current() noexcept { return request_; }

    /// Returns nothing when more bytes are needed.
    std::optional<next_request> parse_head();
    /// A part of the body, which is empty at its end, or nothing when more bytes are needed.
    std::optional<bytes> parse_body();
    /// Whether nothing of a request has arrived.
    bool is_idle() const noexcept { return parser_.between_messages(); }

    // What may happen instead of bytes.
    next_request end_of_input();
    next_request head_timed_out();
    [[noreturn]] void body_timed_out();
    [[noreturn]] void body_truncated();

    time_point head_deadline(executor& ex) noexcept;
    /// To be called when the handler begins to wait for more of the body, and when bytes have come.
    time_point body_deadline(executor& ex) noexcept;
    void stop_waiting(executor& ex) noexcept { body_waited_ += ex.now() - body_waits_since_; }
    /// Whether a read tells only that the peer has gone, or has sent the next request.
    bool may_watch() const noexcept { return body_ended_ && rest_.empty() && failure_ == nullptr; }

    /// Releases the memory of the body, before a read of the next head.
    void release_input() noexcept { input_.reset(); }
    /// Room for bytes that arrive.
    std::span<char> input_room();
    /// To be called when bytes have arrived there.
    void received(std::size_t size) noexcept { rest_ = input_.take(size); }

    bool must_send_continue() const noexcept;
    void continue_started() noexcept { continues_ = true; }
    bool response_started() const noexcept { return response_started_; }
    /// To be called when a response is about to be written.
    void start_writing() noexcept { response_started_ = true; }

    /// Whether the request has a header from which a task-local gets its value.
    bool has_locals() const noexcept;

    /// The answer to a request that was refused.
    response refusal();
    /// The answer to a request whose handler has failed. An error of the handler's own shows nothing of itself.
    response answer_to_failure(std::exception_ptr error);
    /// @throws std::invalid_argument for a response that a handler must not return
    void check(const response& answer) const;
    /// Writes a head into the output.
    framing start_response(response& answer, bool stopping);
    void close_after_response() noexcept { closing_ = true; }
    /// To be called when a read has failed.
    void lose_connection() noexcept { lost_ = true; }
    /// Whether no answer can reach the peer.
    bool is_lost() const noexcept { return lost_; }

    /// Whether what is left of the request's body is to be read.
    bool may_drain() noexcept;
    /// Whether more of what the peer still sends is to be read before the connection is closed.
    bool may_linger(std::size_t size) noexcept;
    /// To be called when the request was answered. Returns false when the connection is to be closed.
    /// @param reading  whether a read is in flight
    bool finish_request(bool reading) noexcept;

    void report(std::exception_ptr error) const;

protected:
    ~server_core() = default;

    /// What has arrived and was not parsed, for another protocol.
    bytes& unparsed() noexcept { return rest_; }
    const std::string& peer() const noexcept { return name_; }

private:
    void begin_request();
    next_request refuse(std::exception_ptr error);
    [[noreturn]] void fail_body(std::exception_ptr error);
    bool waits_for_continue() const noexcept;
    bool may_keep_connection(const response& answer) const noexcept;

    server_options options_;
    std::string name_;
    parser parser_;
    request request_;
    weir::detail::byte_filler input_;
    bytes rest_; // of what has arrived: what is not parsed yet
    std::string output_;
    std::exception_ptr failure_; // of the request: the parser must not be used any more
    std::uint64_t read_ = 0;     // bytes of the body
    std::uint64_t drained_from_ = 0;
    std::uint64_t lingered_ = 0;
    duration body_waited_ = duration::zero(); // of the handler, in all
    time_point body_waits_since_{};
    bool body_rate_counts_ = false; // the wait ends when the rate is too low
    time_point head_until_ = time_point::max();
    bool head_time_runs_ = false;
    bool head_has_begun_ = false;
    bool served_one_ = false;
    bool body_asked_ = false;
    bool body_ended_ = true;
    bool expects_continue_ = false;
    bool continues_ = false; // 100 Continue was sent
    bool response_started_ = false;
    bool draining_ = false;
    bool closing_ = false;
    bool lost_ = false;
};

inline constexpr std::string_view continue_line = "HTTP/1.1 100 Continue\r\n\r\n";

/// The values of the headers `traceparent` and `X-Request-Id`, if they are valid.
std::optional<std::string> valid_traceparent(const request_head& head);
std::optional<std::string> valid_request_id(const request_head& head);

} // namespace detail

} // namespace weir::http

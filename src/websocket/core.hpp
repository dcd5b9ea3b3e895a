// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "frame_reader.hpp"
#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/executor.hpp>
#include <weir/http/upgrade.hpp>
#include <weir/io/limited_stream.hpp>
#include <weir/sync/semaphore.hpp>
#include <weir/websocket/connection.hpp>

namespace weir::websocket::detail {

/// A connection. Reading is polled by the program. Writing has a driver of its own, since frames are sent for the
/// reader and for several senders.
///
/// | phase     | what is read                    | what is sent                   | next               |
/// |-----------|---------------------------------|--------------------------------|--------------------|
/// | open      | messages                        | messages                       | closing, finishing |
/// | closing   | messages, up to the close frame | messages, then the close frame | finishing          |
/// | finishing | nothing                         | what is left                   | lingering          |
/// | lingering | the rest, which is ignored      | the end of the stream          | ended              |
/// | ended     | nothing                         | nothing                        |                    |
class connection_core {
public:
    connection_core(http::upgraded_stream stream, role own, const options& limits);
    const options& limits() const noexcept { return limits_; }
    connection_core(const connection_core&) = delete;
    connection_core& operator=(const connection_core&) = delete;

    poll<message> poll_next(context& cx);

    /// Waits for room in the buffer. To be polled by one sender at a time.
    /// @throws closed; the error of an earlier write
    poll<unit> poll_room(context& cx);
    /// Takes a message, for which there is room.
    void put(message m);
    /// Waits until nothing is left to write. To be polled by one sender at a time.
    poll<unit> poll_flush(context& cx);
    /// Sends a close frame behind the messages, unless one was sent.
    void start_close(executor& ex, close_reason reason);

    const std::optional<close_reason>& peer_reason() const noexcept { return peer_reason_; }
    bool is_closing() const noexcept { return at_ != phase::open; }
    const std::string& name() const noexcept { return name_; }
    const semaphore& senders() const noexcept { return senders_; }

private:
    enum class phase : std::uint8_t { open, closing, finishing, lingering, ended };
    using read_operation = http::upgraded_stream::read_operation;
    using write_operation = http::upgraded_stream::write_operation;
    using shutdown_operation = http::upgraded_stream::shutdown_operation;

    /// Returns nothing when more bytes are needed.
    std::optional<message> parse(executor& ex);
    /// Sends the error to the peer, and ends the connection.
    void fail(executor& ex, std::exception_ptr error, close_code code);
    void finish(executor& ex);
    bool poll_finish(context& cx);
    /// Adds bytes to the input. Returns false when there are none yet.
    bool poll_read(context& cx);
    void start_waiting(executor& ex);
    void on_silence(context& cx);

    void bind(context& cx) {
        driver_.bind(*this, cx.waker().queue());
        bound_ = true;
    }
    void wake_driver() noexcept {
        if (bound_) driver_.wake();
    }
    poll<unit> poll_flushed(context& cx, waker_slot& waiter);
    void on_flushed() noexcept;
    void check_writable() const;
    bool has_output() const noexcept;
    void fill();
    void drive() noexcept;
    void on_write_error(std::exception_ptr error) noexcept;

    http::upgraded_stream stream_;
    std::string name_;
    role own_;
    options limits_;
    phase at_ = phase::open;
    std::optional<close_reason> peer_reason_;
    std::exception_ptr failure_; // that poll_next throws in the end

    // What arrives.
    frame_reader reader_;
    std::unique_ptr<char[]> input_;
    std::span<const char> rest_; // of what has arrived: what is not parsed yet
    time_point read_until_ = time_point::max();
    weir::detail::progress_limit read_time_;
    bool pinged_ = false;

    // What is sent: `output_` is being written, `next_` is filled meanwhile.
    std::string output_;
    std::string next_;
    std::size_t written_ = 0; // of output_: with the write in flight
    message large_;           // a message that is sent in fragments
    std::size_t large_sent_ = 0;
    bool has_large_ = false;
    std::optional<std::string> pong_;
    bool ping_ = false;
    std::optional<close_reason> close_;
    time_point write_until_ = time_point::max();
    weir::detail::progress_limit write_time_;
    std::exception_ptr write_error_;
    semaphore senders_{1};
    bool bound_ = false; // the driver, to its queue
    waker_slot room_;
    waker_slot flushed_;
    waker_slot reader_waits_;
    weir::detail::member_waker<connection_core, &connection_core::drive> driver_;

    // Last: cancelled before their memory is freed.
    std::optional<shutdown_operation> shutting_down_;
    std::optional<write_operation> writing_;
    std::optional<read_operation> reading_;
};

} // namespace weir::websocket::detail

// SPDX-License-Identifier: MIT
#include "core.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <weir/core/timed_out.hpp>
#include <weir/sync/closed.hpp>

namespace weir::websocket::detail {

namespace {

constexpr std::size_t input_size = 16 * 1024;
constexpr std::size_t most_buffered = 16 * 1024; // beyond it, senders wait
constexpr std::size_t most_idle_output = 2 * most_buffered;
constexpr std::size_t fragment_size = 64 * 1024;
constexpr std::size_t write_size = 64 * 1024; // of which each is progress
constexpr duration longest_linger = std::chrono::seconds{1};

void check(const options& o) {
    const auto require = [](bool ok, const char* what) {
        if (!ok) throw std::invalid_argument{what};
    };
    require(o.max_message != 0, "weir::websocket: max_message must be at least 1");
    require(o.max_frame != 0, "weir::websocket: max_frame must be at least 1");
    require(o.ping_interval > duration::zero(), "weir::websocket: ping_interval must be positive");
    require(o.pong_timeout > duration::zero(), "weir::websocket: pong_timeout must be positive");
    require(o.write_timeout > duration::zero(), "weir::websocket: write_timeout must be positive");
    require(o.close_timeout > duration::zero(), "weir::websocket: close_timeout must be positive");
}

} // namespace

connection_core::connection_core(http::upgraded_stream stream, role own, const options& limits)
    : stream_{std::move(stream)},
      name_{stream_.name()},
      own_{own},
      limits_{limits},
      reader_{own, name_, limits.max_message, limits.max_frame} {
    check(limits);
}

poll<message> connection_core::poll_next(context& cx) {
    bind(cx);
    executor& ex = cx.executor();
    for (;;) {
        if (at_ == phase::ended) return done;
        if (at_ >= phase::finishing) {
            if (!poll_finish(cx)) return pending;
            at_ = phase::ended;
            if (failure_ != nullptr) std::rethrow_exception(failure_);
            return done;
        }
        try {
            if (auto found = parse(ex)) return *std::move(found);
        } catch (const protocol_error& e) {
            fail(ex, std::current_exception(), e.code());
        } catch (const message_too_large&) {
            fail(ex, std::current_exception(), close_code::message_too_big);
        }
        if (at_ >= phase::finishing) continue;
        if (!poll_read(cx)) return pending;
        if (!cx.spend()) return cx.yield();
    }
}

std::optional<message> connection_core::parse(executor& ex) {
    for (;;) {
        switch (reader_.next(rest_)) {
        case frame_step::more:
            return std::nullopt;
        case frame_step::message:
            return std::move(reader_.message());
        case frame_step::ping: // only the last of several needs an answer
            pong_ = reader_.payload();
            wake_driver();
            break;
        case frame_step::pong:
            break;
        case frame_step::close:
            peer_reason_ = reader_.reason();
            start_close(ex, {peer_reason_->code, {}});
            finish(ex);
            return std::nullopt;
        }
    }
}

void connection_core::fail(executor& ex, std::exception_ptr error, close_code code) {
    failure_ = std::move(error);
    start_close(ex, {code, {}});
    finish(ex);
}

void connection_core::start_close(executor& ex, close_reason reason) {
    if (at_ != phase::open) return;
    at_ = phase::closing;
    close_ = std::move(reason);
    read_until_ = ex.time_after(limits_.close_timeout);
    room_.wake();
    reader_waits_.wake(); // its time is another
    wake_driver();
}

void connection_core::finish(executor& ex) {
    at_ = phase::finishing;
    read_until_ = ex.time_after(limits_.close_timeout);
    read_time_.stop();
    reading_.reset();
    has_large_ = false; // nobody waits for the rest of it
    large_ = {};
}

bool connection_core::poll_finish(context& cx) {
    try {
        if (at_ == phase::finishing) {
            if (poll_flushed(cx, reader_waits_).is_pending() && !read_time_.over(cx, read_until_)) return false;
            if (has_output()) return true; // the peer takes nothing
            at_ = phase::lingering;
            shutting_down_.emplace(stream_.shutdown_write());
            read_until_ = cx.executor().time_after(longest_linger);
        }
        if (shutting_down_) {
            if (shutting_down_->poll_result(cx).is_pending() && !read_time_.over(cx, read_until_)) return false;
            shutting_down_.reset();
        }
        // A close with unread data would reset the connection, and the peer might lose the close frame.
        for (;;) {
            if (!reading_) reading_.emplace(stream_.read(std::span{input_.get(), input_size}));
            const auto size = reading_->poll_result(cx);
            if (size.is_pending() && !read_time_.over(cx, read_until_)) return false;
            reading_.reset();
            if (size.is_pending() || *size == 0) return true;
            if (!cx.spend()) return static_cast<void>(cx.yield()), false;
        }
    } catch (const std::exception&) {
        return true; // the close frames were exchanged, or there is an error that says more
    }
}

bool connection_core::poll_read(context& cx) {
    if (!reading_) {
        if (input_ == nullptr) input_ = std::make_unique<char[]>(input_size);
        reading_.emplace(stream_.read(std::span{input_.get(), input_size}));
        if (at_ == phase::open) start_waiting(cx.executor());
    }
    try {
        const auto size = reading_->poll_result(cx);
        if (size.is_pending()) {
            reader_waits_.arm(cx.waker());
            if (write_error_ != nullptr) std::rethrow_exception(write_error_);
            while (read_time_.over(cx, read_until_)) on_silence(cx);
            return false;
        }
        reading_.reset();
        read_time_.stop();
        if (*size == 0) {
            std::string what{"weir::websocket: read from "};
            throw truncated{what.append(name_).append(": the connection has ended without a close frame")};
        }
        rest_ = {input_.get(), *size};
        return true;
    } catch (...) {
        reading_.reset();
        read_time_.stop();
        at_ = phase::ended;
        room_.wake();
        throw;
    }
}

void connection_core::start_waiting(executor& ex) {
    pinged_ = false;
    read_until_ = ex.time_after(limits_.ping_interval);
}

void connection_core::on_silence(context& cx) {
    std::string what{"weir::websocket: read from "};
    what.append(name_);
    if (at_ == phase::closing) throw timed_out{what.append(": no close frame"), limits_.close_timeout};
    if (pinged_) throw timed_out{what.append(": nothing after a ping"), limits_.pong_timeout};
    read_time_.stop();
    pinged_ = true;
    ping_ = true;
    wake_driver();
    read_until_ = cx.executor().time_after(limits_.pong_timeout);
}

void connection_core::check_writable() const {
    if (write_error_ != nullptr) std::rethrow_exception(write_error_);
    if (at_ != phase::open) {
        std::string what{"weir::websocket: "};
        throw closed{what.append(name_)};
    }
}

poll<unit> connection_core::poll_room(context& cx) {
    bind(cx);
    check_writable();
    if (!has_large_ && next_.size() < most_buffered) return unit{};
    room_.arm(cx.waker());
    return pending;
}

void connection_core::put(message m) {
    const opcode kind = m.type == message_type::text ? opcode::text : opcode::binary;
    if (m.data.size() <= fragment_size) {
        append_frame(next_, own_, kind, m.data);
    } else {
        large_ = std::move(m);
        large_sent_ = 0;
        has_large_ = true;
    }
    wake_driver();
}

poll<unit> connection_core::poll_flush(context& cx) {
    bind(cx);
    return poll_flushed(cx, flushed_);
}

poll<unit> connection_core::poll_flushed(context& cx, waker_slot& waiter) {
    if (write_error_ != nullptr) std::rethrow_exception(write_error_);
    if (!has_output()) return unit{};
    waiter.arm(cx.waker());
    wake_driver();
    return pending;
}

bool connection_core::has_output() const noexcept {
    return writing_ || !output_.empty() || !next_.empty() || has_large_ || pong_ || ping_ || close_;
}

/// Adds what is to be sent next: control frames may stand between the fragments of a message.
void connection_core::fill() {
    if (pong_) append_frame(next_, own_, opcode::pong, *std::exchange(pong_, std::nullopt));
    if (std::exchange(ping_, false)) append_frame(next_, own_, opcode::ping, {});
    while (has_large_ && next_.size() < most_buffered) {
        const std::string_view part = std::string_view{large_.data}.substr(large_sent_, fragment_size);
        const opcode kind = large_sent_ != 0                    ? opcode::continuation
                            : large_.type == message_type::text ? opcode::text
                                                                : opcode::binary;
        large_sent_ += part.size();
        has_large_ = large_sent_ != large_.data.size();
        append_frame(next_, own_, kind, part, !has_large_);
        if (!has_large_) large_ = {};
    }
    if (close_ && !has_large_)
        append_frame(next_, own_, opcode::close, close_payload(*std::exchange(close_, std::nullopt)));
}

void connection_core::drive() noexcept {
    if (write_error_ != nullptr) return;
    context cx{driver_};
    try {
        for (;;) {
            if (writing_) {
                if (writing_->poll_result(cx).is_pending()) {
                    if (!write_time_.over(cx, write_until_)) return;
                    std::string what{"weir::websocket: write to "};
                    throw timed_out{what.append(name_).append(": the peer has taken no data"), limits_.write_timeout};
                }
                writing_.reset();
                write_time_.stop();
            }
            if (written_ == output_.size()) {
                written_ = 0;
                output_.clear();
                fill();
                std::swap(output_, next_);
                if (!has_large_) room_.wake();
                if (output_.empty()) {
                    on_flushed();
                    return;
                }
            }
            const std::string_view part = std::string_view{output_}.substr(written_, write_size);
            written_ += part.size();
            write_until_ = cx.executor().time_after(limits_.write_timeout);
            writing_.emplace(stream_.write(part));
            if (!cx.spend()) return static_cast<void>(cx.yield());
        }
    } catch (...) {
        on_write_error(std::current_exception());
    }
}

void connection_core::on_flushed() noexcept {
    if (output_.capacity() > most_idle_output) output_ = {};
    if (next_.capacity() > most_idle_output) next_ = {};
    flushed_.wake();
    if (at_ == phase::finishing) reader_waits_.wake();
}

void connection_core::on_write_error(std::exception_ptr error) noexcept {
    writing_.reset();
    write_time_.stop();
    write_error_ = std::move(error);
    room_.wake();
    flushed_.wake();
    reader_waits_.wake();
}

} // namespace weir::websocket::detail

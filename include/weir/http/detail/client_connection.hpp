// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <limits>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>
#include <weir/http/detail/client_core.hpp>
#include <weir/http/detail/message_writer.hpp>
#include <weir/http/error.hpp>
#include <weir/http/message.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/limited_stream.hpp>

namespace weir::http::detail {

/// A client's end of one connection: the state without the stream, the stream, and the transfers in flight. The request
/// is sent while the response is read, so that neither end waits for the other.
template <byte_stream S>
class client_connection final : public client_core {
public:
    explicit client_connection(S stream) : client_core{stream.name()}, stream_(std::move(stream)) {}

    poll<response_head> poll_head(context& cx) override {
        for (;;) {
            if (auto head = parse_head()) {
                head_until_ = time_point::max(); // for the next exchange
                return *std::move(head);
            }
            poll_request(cx);
            if (cx.stopping()) return static_cast<void>(cx.yield()), pending;
            if (at_ == sending::nothing && head_until_ == time_point::max())
                head_until_ = cx.executor().time_after(options_.head_timeout);
            if (at_ == sending::failed && head_until_ == time_point::max())
                head_until_ = cx.executor().time_after(longest_last_words);
            const auto size = poll_read(cx, head_until_);
            if (size.is_pending()) return pending;
            if (*size == timed_out_size) fail_time(request_phase::head, head_until_);
            if (*size == 0) on_end_of_head_input();
            if (!cx.spend()) return cx.yield();
        }
    }

    poll<bytes> poll_body(context& cx) override {
        if (failure_ != nullptr) std::rethrow_exception(failure_);
        try {
            for (;;) {
                if (body_ended_) return done;
                if (auto part = parse_body()) {
                    if (part->empty()) return done;
                    return *std::move(part);
                }
                poll_request(cx);
                if (cx.stopping()) return static_cast<void>(cx.yield()), pending;
                if (!reading_) body_until_ = cx.executor().time_after(options_.body_timeout);
                const auto size = poll_read(cx, body_until_);
                if (size.is_pending()) return pending;
                if (*size == timed_out_size) fail_time(request_phase::body, body_until_);
                if (*size == 0) on_end_of_body_input();
                if (!cx.spend()) return cx.yield();
            }
        } catch (...) {
            failure_ = std::current_exception();
            throw;
        }
    }

    /// A read is in flight, so that the end of the connection is seen when it comes. The next exchange takes it over.
    bool poll_idle(context& cx) override {
        try {
            return !poll_read(cx, time_point::max()).is_pending();
        } catch (...) {
            return true;
        }
    }

    // The connection after an upgrade.
    poll<std::size_t> poll_raw_read(context& cx, byte_span to) override {
        return raw_.poll_read(cx, stream_, unparsed(), to);
    }
    poll<unit> poll_raw_write(context& cx, byte_view what) override { return raw_.poll_write(cx, stream_, what); }
    poll<unit> poll_raw_shutdown(context& cx) override { return raw_.poll_shutdown(cx, stream_); }
    void drop_raw_read() noexcept override { raw_.drop_read(); }
    void drop_raw_write() noexcept override { raw_.drop_write(); }
    void drop_raw_shutdown() noexcept override { raw_.drop_shutdown(); }

private:
    using read_type = decltype(std::declval<S&>().read(std::declval<byte_span>()));
    using write_type = decltype(std::declval<S&>().write(std::declval<byte_view>()));

    static constexpr std::size_t timed_out_size = std::numeric_limits<std::size_t>::max();
    static constexpr duration longest_last_words = std::chrono::seconds{1};

    /// Sends what can be sent of the request.
    void poll_request(context& cx) {
        try {
            for (;;) {
                switch (at_) {
                case sending::head_alone:
                    if (!head_writing_) {
                        head_writing_.emplace(stream_.write(byte_view{output_}));
                        write_until_ = cx.executor().time_after(options_.write_timeout);
                    }
                    if (head_writing_->poll_result(cx).is_pending()) {
                        if (write_time_.over(cx, write_until_)) fail_time(request_phase::write, write_until_);
                        return;
                    }
                    head_writing_.reset();
                    write_until_ = cx.executor().time_after(options_.continue_timeout);
                    output_.clear();
                    at_ = sending::permission;
                    break;
                case sending::permission:
                    if (!may_continue_ && !write_time_.over(cx, write_until_)) return;
                    at_ = sending::body;
                    break;
                case sending::message:
                case sending::body:
                    write_time_.stop();
                    if (!writer_) writer_.emplace(stream_, output_, body_, how_, options_.write_timeout);
                    if (writer_->poll_result(cx).is_pending()) return;
                    writer_.reset();
                    at_ = sending::nothing;
                    return;
                default:
                    return;
                }
            }
        } catch (...) {
            if (cx.stopping()) return; // the request's body has dropped this
            stop_writing();
            on_write_error(std::current_exception());
        }
    }

    void stop_writing() noexcept override {
        head_writing_.reset();
        writer_.reset();
        write_time_.stop();
    }

    /// Adds bytes to the input. Returns their number, 0 at the end of the stream, or timed_out_size.
    poll<std::size_t> poll_read(context& cx, time_point until) {
        if (!reading_) reading_.emplace(stream_.read(byte_span{input_room()}));
        try {
            const auto size = reading_->poll_result(cx);
            if (size.is_pending()) {
                if (!read_time_.over(cx, std::min(until, deadline_))) return pending;
                read_time_.stop();
                return timed_out_size;
            }
            reading_.reset();
            read_time_.stop();
            if (*size != 0) received(*size);
            return *size;
        } catch (...) {
            reading_.reset();
            read_time_.stop();
            if (write_error_ != nullptr) std::rethrow_exception(write_error_);
            throw;
        }
    }

    S stream_;
    time_point head_until_ = time_point::max();
    time_point body_until_ = time_point::max();
    time_point write_until_ = time_point::max();
    weir::detail::progress_limit read_time_;
    weir::detail::progress_limit write_time_;
    std::optional<message_writer<S>> writer_;
    // Last: cancelled before their memory is freed.
    raw_operations<S> raw_;
    std::optional<write_type> head_writing_;
    std::optional<read_type> reading_;
};

/// Reads the head of a response.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] head_operation {
public:
    using result_type = response_head;

    explicit head_operation(client_core& c) noexcept : connection_{&c} {}

    poll<response_head> poll_result(context& cx) { return connection_->poll_head(cx); }

private:
    client_core* connection_;
};

} // namespace weir::http::detail

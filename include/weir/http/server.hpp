// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdlib>
#include <exception>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <stop_token>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/executor/executor.hpp>
#include <weir/http/body.hpp>
#include <weir/http/detail/message_writer.hpp>
#include <weir/http/detail/server_core.hpp>
#include <weir/http/locals.hpp>
#include <weir/http/message.hpp>
#include <weir/http/request.hpp>
#include <weir/http/upgrade.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/bytes.hpp>
#include <weir/io/limited_stream.hpp>
#include <weir/scope/local.hpp>
#include <weir/sink/detail/stop_signal.hpp>
#include <weir/task.hpp>

namespace weir::http {

namespace detail {

/// A server's end of one connection: the state without the stream, the stream, and the transfers in flight.
template <byte_stream S, class Stop>
class server_connection final : public server_core, public raw_stream {
public:
    /// Lets a response be written behind `100 Continue`.
    class gate {
    public:
        explicit gate(server_connection& c) noexcept : connection_{&c} {}

        bool poll(context& cx) {
            connection_->start_writing();
            return connection_->poll_continue(cx);
        }

    private:
        server_connection* connection_;
    };
    using writer_type = message_writer<S, gate>;

    server_connection(S stream, const server_options& options, Stop stop)
        : server_core{stream.name(), options}, stream_(std::move(stream)), stop_{std::move(stop)} {}

    /// Reads up to the head of the next request.
    poll<next_request> poll_head(context& cx) {
        for (;;) {
            if (const auto found = parse_head()) return *found;
            if (is_idle() && poll_stop(cx)) return next_request::none;
            until_ = head_deadline(cx.executor()); // also of a read that has begun before
            const auto size = poll_read(cx);
            if (size.is_pending()) return pending;
            if (*size == timed_out_size) return head_timed_out();
            if (*size == 0) return end_of_input();
            if (!cx.spend()) return cx.yield();
        }
    }

    /// The next part of the request's body.
    poll<bytes> poll_body(context& cx) override {
        for (;;) {
            if (const auto found = parse_body()) {
                if (found->empty()) return done;
                return *found;
            }
            if (must_send_continue()) {
                continuing_.emplace(stream_.write(byte_view{continue_line}));
                continue_started();
            }
            // The response waits for it, if that is being sent.
            if (!response_started() && !poll_continue(cx)) return pending;
            if (!reading_) until_ = body_deadline(cx.executor());
            const auto size = poll_read(cx);
            if (size.is_pending()) return pending;
            if (*size == timed_out_size) body_timed_out();
            stop_waiting(cx.executor());
            if (*size == 0) body_truncated();
            if (!cx.spend()) return cx.yield();
        }
    }

    /// Notices while the handler works that the peer has gone. Returns true when it has.
    bool poll_gone(context& cx) {
        if (ended_) return options().half_close == half_close::cancels;
        if (!may_watch()) return false;
        if (!reading_) release_input();
        until_ = time_point::max();
        const auto size = poll_read(cx);
        ended_ = !size.is_pending() && *size == 0;
        return ended_ && options().half_close == half_close::cancels;
    }
    bool is_reading() const noexcept { return reading_.has_value(); }
    /// Before an upgrade. A dropped read loses no bytes.
    void stop_watching() noexcept { stop_reading(); }

    /// Returns false while `100 Continue` is being sent.
    bool poll_continue(context& cx) {
        if (continuing_) {
            if (continuing_->poll_result(cx).is_pending()) return false;
            continuing_.reset();
        }
        return true;
    }

    /// Reads and ignores the rest of the request's body, up to a limit.
    poll<unit> poll_drain(context& cx) {
        try {
            while (may_drain()) {
                auto part = poll_body(cx);
                if (part.is_pending()) return pending;
                if (part.is_done()) break;
            }
        } catch (const std::exception&) {
            close_after_response(); // the request was answered; only its connection is lost
        }
        return unit{};
    }

    /// Ends the connection. The peer may still be sending: a close with unread data would reset the connection, and the
    /// peer might lose the answer.
    poll<unit> poll_close(context& cx) {
        constexpr duration longest = std::chrono::seconds{1};
        if (!shutting_down_) {
            shutting_down_.emplace(stream_.shutdown_write());
            until_ = cx.executor().time_after(longest);
        }
        try {
            for (;;) {
                if (!shut_down_) {
                    if (shutting_down_->poll_result(cx).is_pending()) return pending;
                    shut_down_ = true;
                }
                const auto size = poll_read(cx);
                if (size.is_pending()) return pending;
                if (*size == 0 || *size == timed_out_size || !may_linger(*size)) return unit{};
                if (!cx.spend()) return cx.yield();
            }
        } catch (const std::exception&) {
            return unit{}; // the peer has closed it already
        }
    }

    bool poll_stop(context& cx) {
        if (!stopping_) stopping_ = stop_.poll(cx);
        return stopping_;
    }

    writer_type writer(body& content, framing how) noexcept {
        return {stream_, output(), content, how, options().write_timeout, gate{*this}};
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
    std::string raw_name() const override { return peer(); }

private:
    using read_type = decltype(std::declval<S&>().read(std::declval<byte_span>()));
    using write_type = decltype(std::declval<S&>().write(std::declval<byte_view>()));
    using shutdown_type = decltype(std::declval<S&>().shutdown_write());

    static constexpr std::size_t timed_out_size = std::numeric_limits<std::size_t>::max();

    /// Adds bytes to the input. Returns their number, 0 at the end of the stream, or timed_out_size.
    poll<std::size_t> poll_read(context& cx) {
        if (!reading_) reading_.emplace(stream_.read(byte_span{input_room()}));
        try {
            const auto size = reading_->poll_result(cx);
            if (size.is_pending() && !time_.over(cx, until_)) return pending;
            stop_reading();
            if (size.is_pending()) return timed_out_size;
            received(*size);
            return *size;
        } catch (...) {
            stop_reading();
            lose_connection();
            throw;
        }
    }
    void stop_reading() noexcept {
        reading_.reset();
        time_.stop();
    }

    S stream_;
    weir::detail::stop_signal<Stop> stop_;
    bool stopping_ = false;
    bool shut_down_ = false;
    bool ended_ = false;                   // the peer has sent its last byte
    time_point until_ = time_point::max(); // for the read in flight, or the next one
    weir::detail::progress_limit time_;
    raw_operations<S> raw_;
    std::optional<shutdown_type> shutting_down_;
    std::optional<write_type> continuing_;
    std::optional<read_type> reading_; // last: cancelled before its memory is freed
};

/// An operation that calls a member function until it has a result.
template <class C, class Result, poll<Result> (C::*poll_function)(context&)>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] member_operation {
public:
    using result_type = Result;

    explicit member_operation(C& object) noexcept : object_{&object} {}

    poll<Result> poll_result(context& cx) { return (object_->*poll_function)(cx); }

private:
    C* object_;
};

/// Writes a response. One that fails before anything of it was written is replaced.
template <class C>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] response_operation {
public:
    using result_type = unit;

    response_operation(C& connection, response& answer) : connection_{&connection}, answer_{&answer} {}

    poll<unit> poll_result(context& cx) {
        try {
            return poll_writer(cx);
        } catch (...) {
            if (replaced_ || !writer_ || writer_->has_written()) throw;
            replace(std::current_exception());
        }
        if (cx.stopping()) return cx.yield(); // on_error has dropped the server
        return poll_writer(cx);
    }

private:
    poll<unit> poll_writer(context& cx) {
        if (!writer_) {
            const framing how = connection_->start_response(*answer_, connection_->poll_stop(cx));
            writer_.emplace(connection_->writer(answer_->body, how));
        }
        return writer_->poll_result(cx);
    }
    void replace(std::exception_ptr error) {
        replaced_ = true;
        writer_.reset();
        *answer_ = connection_->answer_to_failure(std::move(error));
    }

    C* connection_;
    response* answer_;
    bool replaced_ = false;
    std::optional<typename C::writer_type> writer_;
};

/// The answer of a handler, or none when the client has gone before.
template <class C, class Answering>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] watched_operation {
public:
    using result_type = std::optional<response>;

    watched_operation(C& connection, Answering& answering) noexcept
        : connection_{&connection}, answering_{&answering} {}

    poll<std::optional<response>> poll_result(context& cx) {
        auto answer = answering_->poll_result(cx);
        std::optional<response> result;
        if (answer.is_item()) {
            result.emplace(*std::move(answer));
        } else if (cx.stopping()) {
            return cx.yield();
        } else if (!connection_->poll_gone(cx)) {
            return pending;
        }
        return result;
    }

private:
    C* connection_;
    Answering* answering_;
};

/// A result that is there.
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] ready_response {
public:
    using result_type = response;

    explicit ready_response(response r) : response_(std::move(r)) {}

    poll<response> poll_result(context&) { return std::move(response_); }

private:
    response response_;
};

template <class Handler>
using handler_result = std::invoke_result_t<Handler&, request&>;

template <class Handler>
concept answers_later = requires {
    requires operation<handler_result<Handler>>;
    requires std::same_as<typename handler_result<Handler>::result_type, response>;
};
template <class Handler>
concept answers_at_once = std::same_as<handler_result<Handler>, response>;

/// The operation that answers a request.
template <class Handler>
auto call_handler(Handler& handler, request& r) {
    if constexpr (answers_later<Handler>) {
        return std::invoke(handler, r);
    } else {
        return ready_response{std::invoke(handler, r)};
    }
}

/// Answers a request with the task-locals that its headers set.
template <class Handler>
task<response> answer_with_locals(Handler& handler, request& r) {
    auto traced = valid_traceparent(r);
    auto identified = valid_request_id(r);
    auto answering = [&] { return call_handler(handler, r); };
    if (traced && identified) {
        auto inner = with_local(request_id, *std::move(identified), answering);
        auto outer = with_local(traceparent, *std::move(traced), std::move(inner));
        co_return co_await outer;
    }
    if (traced) {
        auto outer = with_local(traceparent, *std::move(traced), answering);
        co_return co_await outer;
    }
    if (identified) {
        auto outer = with_local(request_id, *std::move(identified), answering);
        co_return co_await outer;
    }
    auto without = answering();
    co_return co_await without;
}

/// Hands a connection to the protocol that follows HTTP.
inline task<> serve_upgraded(std::unique_ptr<raw_stream> c, std::function<task<>(upgraded_stream)> talk,
                             std::function<void(std::exception_ptr)> on_error) {
    try {
        auto talking = talk(upgraded_stream{std::move(c)});
        co_await std::move(talking);
    } catch (...) {
        if (on_error) on_error(std::current_exception());
    }
}

template <class Connection, class Handler>
task<> serve_connection(std::unique_ptr<Connection> c, Handler handler) {
    using head_operation = member_operation<Connection, next_request, &Connection::poll_head>;
    using drain_operation = member_operation<Connection, unit, &Connection::poll_drain>;
    using close_operation = member_operation<Connection, unit, &Connection::poll_close>;
    try {
        for (;;) {
            const next_request next = co_await head_operation(*c);
            if (next == next_request::none) break;
            std::optional<response> given;
            if (next == next_request::refused) {
                given = c->refusal();
            } else {
                std::exception_ptr error;
                try {
                    if (c->has_locals()) {
                        auto answering = answer_with_locals(handler, c->current());
                        watched_operation watching{*c, answering};
                        given = co_await watching;
                    } else {
                        auto answering = call_handler(handler, c->current());
                        watched_operation watching{*c, answering};
                        given = co_await watching;
                    }
                    if (given) c->check(*given);
                } catch (...) {
                    error = std::current_exception();
                }
                if (error != nullptr) given = c->answer_to_failure(std::move(error));
            }
            if (!given || c->is_lost()) co_return; // the client has gone
            response& answer = *given;
            {
                response_operation<Connection> writing{*c, answer};
                co_await writing;
            }
            if (answer.status == 101) {
                c->stop_watching();
                auto on_error = c->options().on_error;
                auto upgraded = serve_upgraded(std::move(c), std::move(answer.upgrade), std::move(on_error));
                co_await std::move(upgraded);
                co_return;
            }
            co_await drain_operation(*c);
            if (!c->finish_request(c->is_reading())) break;
        }
        co_await close_operation(*c);
    } catch (...) {
        c->report(std::current_exception());
    }
}

} // namespace detail

/// `co_await http::serve(stream, handler, stop, options)`: serves the requests of one connection, over TCP, TLS or any
/// other byte stream, until the client closes it.
///
///     weir::task<weir::http::response> hello(weir::http::request& r);
///
///     auto listener = co_await weir::listen({"::", 8080});
///     const auto connection = [](weir::tcp_stream client, const weir::server_stop& stop) {
///         return weir::http::serve(std::move(client), hello, stop.requested());
///     };
///     co_await (weir::accept(std::move(listener)) | weir::serve(connection, weir::signals(SIGTERM)));
///
/// The handler takes a `request&`, and returns a `response` or an operation with one, such as a task. Requests are
/// handled one after the other, also when the client sends several without waiting. A handler that fails is answered
/// with the status 500, and a request that violates the protocol with the status that fits; no text of an error is
/// sent. A body that fails when a part of it was sent closes the connection, so that the client sees that it is
/// incomplete.
///
/// The headers `traceparent` and `X-Request-Id` set the locals `http::traceparent` and `http::request_id` for the
/// handler, though not for a stream that it returns.
///
/// A handler that is at work when the client closes the connection is dropped: see server_options::half_close. While a
/// response is sent, and while a body is read, the transfer itself fails.
///
/// A response with the status 101 and `response::upgrade` hands the connection to another protocol, such as WebSocket.
///
/// The stop is an operation, a stream or a std::stop_token, as for weir::serve. After it, a request that has begun to
/// arrive is answered with `Connection: close`, and an idle connection is closed.
///
/// Ends: when the connection was closed by either side.
/// Errors: none; they go to server_options::on_error.
/// Dropped: destroys the handler's operation, and closes the connection at once.
/// Cost: one allocation for the connection, and none per request beside what the handler allocates. A connection takes
/// 7 KiB while it waits for its first request, and 13 KiB once it has served small ones; 64 KiB while a body is read. A
/// small response is one write.
/// See: weir::serve, which limits the number of connections; request, response.
///
/// @throws std::invalid_argument for a timeout that is not positive
template <byte_stream S, class Handler, class Stop>
    requires(!std::same_as<Stop, server_options>)
task<> serve(S stream, Handler handler, Stop stop, const server_options& options = {}) {
    constexpr bool handles = detail::answers_later<Handler> || detail::answers_at_once<Handler>;
    static_assert(handles, "weir::http::serve(stream, handler): the handler cannot be called with a request&, or does "
                           "not return a weir::http::response or a task or another operation with one");
    constexpr bool stops = weir::stream<Stop> || operation<Stop> || std::same_as<Stop, std::stop_token> ||
                           std::same_as<Stop, weir::detail::never_stop>;
    static_assert(stops, "weir::http::serve(stream, handler, stop): the stop is a stream, a task or another operation, "
                         "or a std::stop_token");
    if constexpr (handles && stops) {
        using connection = detail::server_connection<S, Stop>;
        auto c = std::make_unique<connection>(std::move(stream), options, std::move(stop));
        return detail::serve_connection(std::move(c), std::move(handler));
    } else {
        std::abort(); // it does not compile
    }
}
template <byte_stream S, class Handler>
task<> serve(S stream, Handler handler, const server_options& options = {}) {
    return serve(std::move(stream), std::move(handler), weir::detail::never_stop{}, options);
}

} // namespace weir::http

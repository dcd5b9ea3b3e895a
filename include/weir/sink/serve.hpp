// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <chrono>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/stop_token_watcher.hpp>
#include <weir/executor/executor.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

/// What happens to a connection beyond `max_connections`.
enum class when_full : std::uint8_t {
    wait,   ///< it waits in the kernel's backlog until another connection ends
    refuse, ///< it is accepted and closed at once; on_error gets a limit_exceeded
};

struct serve_options {
    std::size_t max_connections = 10'000; ///< the maximum number of connections at a time, > 0
    when_full on_full = when_full::wait;
    /// How long connections may continue after the stop before they are dropped. Zero drops them at once.
    duration drain = std::chrono::seconds{10};
    /// Called with the failure of a connection's handler. Without it such a failure ends the server and drops the other
    /// connections.
    std::function<void(std::exception_ptr)> on_error = nullptr;
};

/// The numbers of connections, by how they ended.
struct serve_result {
    std::uint64_t served = 0;  ///< handled to their end
    std::uint64_t failed = 0;  ///< failed; on_error got the failures
    std::uint64_t refused = 0; ///< refused because max_connections was reached
    std::uint64_t dropped = 0; ///< dropped because they lasted too long after the stop

    friend bool operator==(const serve_result&, const serve_result&) = default;
};

namespace detail {

/// The stop of a server that ends only with its connections.
struct never_stop {};

/// Polls the stop: the first and second items of a stream, the result of an operation, or a token.
template <class Signal>
class stop_signal {
public:
    explicit stop_signal(Signal signal) : signal_(std::in_place, std::move(signal)) {}

    /// Returns true when the stop has arrived; a stream may then deliver a second one.
    bool poll(context& cx) {
        if (!signal_) return false;
        if constexpr (stream<Signal>) {
            auto item = signal_->poll_next(cx);
            if (item.is_done()) signal_.reset();
            return item.is_item();
        } else if constexpr (operation<Signal>) {
            if (signal_->poll_result(cx).is_pending()) return false;
            signal_.reset();
            return true;
        } else {
            return false;
        }
    }

private:
    std::optional<Signal> signal_;
};

template <>
class stop_signal<std::stop_token> {
public:
    explicit stop_signal(std::stop_token token) noexcept : watch_{std::move(token)} {}

    bool poll(context& cx) {
        if (came_) return false;
        came_ = watch_.stop_requested();
        if (!came_) watch_.wait(cx);
        return came_;
    }

private:
    stop_token_watcher watch_;
    bool came_ = false;
};

/// The state that the parts of a server share.
template <stream S>
struct serve_state {
    serve_state(S upstream, serve_options o) : connections(std::move(upstream)), options{std::move(o)} {}

    /// Destroys the connections' stream at once, with the listener that it may own.
    void stop() noexcept {
        connections.reset();
        stopping = true;
        receiver.wake();
        consumer.wake();
    }

    /// Must be the last call of its caller, because on_error may drop the server.
    void tell(std::exception_ptr why) const {
        const auto on_error = options.on_error; // a copy: the call may destroy the options
        if (on_error) on_error(std::move(why));
    }

    std::optional<S> connections; // empty after the stop
    waker_slot receiver;          // waits for the next connection
    waker_slot consumer;          // waits for the end of the server
    serve_options options;
    serve_result result;
    std::size_t active = 0;
    std::exception_ptr error; // of the connections' stream
    bool stopping = false;    // the remaining connections have until the deadline
};

/// The stream of the connections to be served, until the stop.
template <stream S>
class served_connections {
public:
    using value_type = item_t<S>;

    explicit served_connections(serve_state<S>& server) noexcept : server_{server} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            if (!server_.connections) return done;
            auto next = next_connection(cx);
            if (!next.is_item() || cx.stopping() || server_.active < server_.options.max_connections) return next;
            ++server_.result.refused;
            server_.tell(std::make_exception_ptr(limit_exceeded{message(*next)}));
            if (cx.stopping()) return pending;
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    poll<value_type> next_connection(context& cx) {
        try {
            auto next = server_.connections->poll_next(cx);
            if (cx.stopping()) return pending;
            if (next.is_pending()) server_.receiver.arm(cx.waker());
            if (next.is_done()) server_.connections.reset();
            return next;
        } catch (...) {
            if (cx.stopping()) return pending;
            server_.error = std::current_exception();
            server_.stop();
            return done;
        }
    }
    std::string message(const value_type& refused) const {
        std::string text = "weir::serve: there are " + std::to_string(server_.options.max_connections) + " connections";
        if constexpr (requires { std::string{refused.name()}; }) text += "; refused " + std::string{refused.name()};
        return text;
    }

    serve_state<S>& server_;
};

/// The operation of one connection: its handler.
template <stream S, operation A>
class served_connection {
public:
    using result_type = unit;

    served_connection(serve_state<S>& server, A handler) : server_{&server}, handler_(std::move(handler)) {
        ++server.active;
    }
    served_connection(served_connection&& other)
        : server_{std::exchange(other.server_, nullptr)}, handler_(std::move(other.handler_)) {}
    ~served_connection() {
        if (server_ != nullptr) --server_->active;
    }

    poll<unit> poll_result(context& cx) {
        try {
            if (handler_.poll_result(cx).is_pending()) return pending;
            ++server_->result.served;
        } catch (...) {
            if (!server_->options.on_error) throw;
            ++server_->result.failed;
            server_->tell(std::current_exception());
        }
        return unit{};
    }

private:
    serve_state<S>* server_;
    A handler_;
};

/// Creates the operations of connections.
template <stream S, class Handler>
class serve_each {
public:
    serve_each(serve_state<S>& server, Handler& handler) noexcept : server_{&server}, handler_{&handler} {}

    auto operator()(item_t<S>&& connection) {
        using handled = std::invoke_result_t<Handler&, item_t<S>>;
        return served_connection<S, handled>(*server_, std::invoke(*handler_, std::move(connection)));
    }

private:
    serve_state<S>* server_;
    Handler* handler_;
};

} // namespace detail

/// The operation of `serve`.
template <stream S, class Handler, class Stop>
class serve_sink {
public:
    using result_type = serve_result;

    serve_sink(S upstream, Handler handler, Stop stop, serve_options options)
        : server_(std::move(upstream), std::move(options)), handler_(std::move(handler)), stop_(std::move(stop)) {}
    serve_sink(serve_sink&& other)
        : server_{std::move(*other.server_.connections), std::move(other.server_.options)},
          handler_(std::move(other.handler_)),
          stop_(std::move(other.stop_)) {
        WEIR_ASSERT(!other.handled_, "an operation was moved after its first poll");
    }

    poll<serve_result> poll_result(context& outer) {
        nested_context cx{outer};
        if (!handled_) start(cx);
        if ((stop_woken_ || stop_waker_.queued()) && !look_at_stop(cx)) return pending;
        for (;;) {
            auto ended = handled_->poll_next(cx);
            if (cx.stopping()) return pending;
            if (ended.is_done()) return finish();
            if (ended.is_pending()) {
                if (server_.stopping && late(cx)) {
                    if (last_call_) return drop_the_rest();
                    // A handler that ends in the same turn has ended in time.
                    last_call_ = true;
                    return cx.yield();
                }
                server_.consumer.arm(cx.waker());
                return pending;
            }
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    using connections = detail::served_connections<S>;
    using each = detail::serve_each<S, Handler>;

    void start(context& cx) {
        constexpr std::size_t most = std::numeric_limits<std::size_t>::max();
        std::size_t limit = server_.options.max_connections;
        // One more handler than the limit, so that one is always free to refuse connections.
        if (server_.options.on_full == when_full::refuse && limit != most) ++limit;
        handled_.emplace(connections{server_}, limit, each{server_, handler_});
        stop_waker_.bind(*this, cx.waker());
    }

    /// Returns false when a callee dropped the server.
    bool look_at_stop(context& outer) {
        stop_woken_ = false;
        nested_context cx{outer, stop_waker_};
        for (;;) {
            const bool came = stop_.poll(cx);
            if (cx.stopping()) return false;
            if (!came) return true;
            if (server_.stopping) server_.options.drain = duration::zero();
            server_.stop();
        }
    }

    bool late(context& cx) {
        const duration allowed = server_.options.drain;
        if (allowed <= duration::zero()) return true;
        if (allowed == duration::max()) return false;
        if (!deadline_.armed() && !deadline_.expired()) deadline_.arm(cx.executor(), cx.executor().time_after(allowed));
        return deadline_.poll(cx);
    }

    serve_result drop_the_rest() {
        server_.result.dropped = server_.active;
        handled_.reset();
        return finish();
    }
    serve_result finish() {
        if (server_.error != nullptr) std::rethrow_exception(std::exchange(server_.error, nullptr));
        return server_.result;
    }

    void stop_woken() noexcept {
        stop_woken_ = true;
        server_.consumer.wake();
    }

    detail::serve_state<S> server_;
    Handler handler_;
    detail::stop_signal<Stop> stop_;
    bool stop_woken_ = true; // the stop is to be polled
    detail::member_waker<serve_sink, &serve_sink::stop_woken> stop_waker_;
    deadline_timer deadline_; // armed at the stop
    bool last_call_ = false;
    std::optional<map_async_unordered_stream<connections, each>> handled_;
};

struct serve_fn : detail::operator_fn<serve_fn> {
    template <class S, class Handler, class Stop, class Options>
    using pipeline = detail::sink<serve_sink<S, Handler, Stop>>;

    template <class T, class Handler, class Stop, class Options>
    static consteval bool accepts() {
        constexpr bool handles = detail::returns_operation<Handler&, T>;
        static_assert(handles,
                      "weir::serve(handler, stop): the handler cannot be called with a connection, or does not "
                      "return a task or another operation");
        constexpr bool stops = stream<Stop> || operation<Stop> || std::same_as<Stop, std::stop_token> ||
                               std::same_as<Stop, detail::never_stop>;
        static_assert(stops, "weir::serve(handler, stop): the stop is a stream, a task or another operation, or a "
                             "std::stop_token");
        return handles && stops;
    }

    template <class Handler>
    auto operator()(Handler handler, serve_options options = {}) const {
        return (*this)(std::move(handler), detail::never_stop{}, std::move(options));
    }
    template <class Handler, class Stop>
        requires(!std::same_as<Stop, serve_options>)
    auto operator()(Handler handler, Stop stop, serve_options options = {}) const {
        detail::at_least_one(options.max_connections,
                             "weir::serve(handler, stop, options): max_connections must be at least 1");
        if (options.drain < duration::zero()) {
            throw std::invalid_argument{"weir::serve(handler, stop, options): drain must not be negative"};
        }
        return with(std::move(handler), std::move(stop), std::move(options));
    }
};

/// serve(handler, stop, options): a server. It handles connections until the stop arrives, lets the running handlers
/// finish, and drops those that have not finished in time. The result, a serve_result, counts the connections.
///
///     weir::task<> echo(weir::tcp_stream client);
///
///     auto listener = co_await weir::listen({"::", 7});
///     co_await (weir::accept(std::move(listener)) |
///               weir::serve(echo, weir::signals({SIGINT, SIGTERM}), {.max_connections = 1000, .drain = 5s}));
///
/// The stop destroys the stream of connections at once. An accept(listener) that owns its listener then closes it: new
/// connections are refused, and those in the kernel's backlog are reset. An accept that borrows its listener leaves
/// them in the backlog.
///
/// The stop is a stream (its first item; a second item also ends the time for handlers to finish), an operation (its
/// result), or a std::stop_token. A failure of the connections' stream is also a stop, and is thrown at the end.
///
/// Ends: when the connections' stream has ended and the last handler has finished, or the time after the stop is over.
/// Errors: that of the connections' stream, after the running handlers have finished; that of the stop, at once; that
/// of a handler, at once, unless there is an `on_error`.
/// Dropped: destroys all handlers and the connections' stream at once.
/// Cost: one allocation per concurrent connection, reused.
/// See: accept, for_each, with_stop.
///
/// @throws std::invalid_argument when max_connections is 0 or drain is negative
inline constexpr serve_fn serve{};

} // namespace weir

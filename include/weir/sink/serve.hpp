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
#include <map>
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
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/limit_exceeded.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/timed_out.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/detail/time_limit.hpp>
#include <weir/executor/executor.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/sink/detail/sink.hpp>
#include <weir/sink/detail/stop_signal.hpp>
#include <weir/sync/event.hpp>

namespace weir {

/// What happens to a connection beyond `max_connections`.
enum class when_full : std::uint8_t {
    wait,   ///< it waits in the kernel's backlog until another connection ends
    refuse, ///< it is accepted and closed at once; on_error gets a limit_exceeded
};

struct serve_options {
    std::size_t max_connections = 10'000; ///< the maximum number of connections at a time, > 0
    when_full on_full = when_full::wait;
    /// The maximum number of connections from one address at a time, > 0. A connection beyond it is accepted and closed
    /// at once; on_error gets a limit_exceeded. Connections without a remote_endpoint() are not counted.
    std::size_t max_per_peer = std::numeric_limits<std::size_t>::max();
    /// How long one connection may last, > 0. Its handler is then dropped, and on_error gets a timed_out. For limits of
    /// the time in which a connection is idle see limited_stream.
    duration lifetime = duration::max();
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
    std::uint64_t refused = 0; ///< refused because max_connections or max_per_peer was reached
    std::uint64_t expired = 0; ///< dropped because they lasted for `lifetime`
    std::uint64_t dropped = 0; ///< dropped because they lasted too long after the stop

    friend bool operator==(const serve_result&, const serve_result&) = default;
};

namespace detail {
template <stream S>
struct serve_state;
}

/// The stop of a server, for handlers that take it as their second argument. A handler that waits for its client ends
/// at the stop only if it waits for both:
///
///     weir::task<> talk(weir::tcp_stream client, const weir::server_stop& stop) {
///         co_await weir::when_any(read_requests(client), stop.requested());
///         co_await client.write("the server stops\n");
///     }
///
/// Lifetime: as long as the handler.
class server_stop {
public:
    server_stop(const server_stop&) = delete;
    server_stop& operator=(const server_stop&) = delete;

    /// `co_await stop.requested()`: waits until the stop has arrived.
    auto requested() const noexcept { return arrived_.wait(); }
    bool is_requested() const noexcept { return arrived_.is_set(); }

private:
    template <stream S>
    friend struct detail::serve_state;

    server_stop() = default;

    event arrived_;
};

namespace detail {

/// The state that the parts of a server share.
template <stream S>
struct serve_state {
    serve_state(S upstream, serve_options o) : connections(std::move(upstream)), options{std::move(o)} {}

    /// Destroys the connections' stream at once, with the listener that it may own.
    void stop() noexcept {
        connections.reset();
        stopping = true;
        stop_seen.arrived_.set();
        receiver.wake();
        consumer.wake();
    }

    /// The address that the limits for each peer and the error messages use; empty if neither does.
    template <class Connection>
    std::string peer_of(const Connection& connection) const {
        if constexpr (requires { std::string{connection.remote_endpoint().address()}; }) {
            if (options.max_per_peer != no_limit || options.lifetime != duration::max())
                return connection.remote_endpoint().address();
        }
        return {};
    }

    /// Why a connection must not be served; empty if it may be.
    template <class Connection>
    std::string reason_to_refuse(const Connection& connection) const {
        std::string reason;
        if (active >= options.max_connections) {
            reason = "weir::serve: there are " + std::to_string(options.max_connections) + " connections";
        } else if (options.max_per_peer != no_limit) {
            const auto peer = peers.find(peer_of(connection));
            if (peer == peers.end() || peer->second < options.max_per_peer) return reason;
            reason = "weir::serve: there are " + std::to_string(peer->second) + " connections from " + peer->first;
        } else {
            return reason;
        }
        if constexpr (requires { std::string{connection.name()}; })
            reason += "; refused " + std::string{connection.name()};
        return reason;
    }

    void enter(const std::string& peer) {
        if (!peer.empty()) ++peers[peer];
        ++active;
    }
    void leave(const std::string& peer) noexcept {
        --active;
        if (const auto at = peers.find(peer); at != peers.end() && --at->second == 0) peers.erase(at);
    }

    /// Must be the last call of its caller, because on_error may drop the server.
    void tell(std::exception_ptr why) const {
        const auto on_error = options.on_error; // a copy: the call may destroy the options
        if (on_error) on_error(std::move(why));
    }

    void describe(wait_report& report) const {
        report.object(this, "weir::serve", std::to_string(active) + " connections are served");
    }

    static constexpr std::size_t no_limit = std::numeric_limits<std::size_t>::max();

    std::optional<S> connections;   // empty after the stop
    described_slot receiver{*this}; // waits for the next connection
    described_slot consumer{*this}; // waits for the end of the server
    serve_options options;
    serve_result result;
    std::size_t active = 0;
    std::map<std::string, std::size_t> peers; // the number of connections from each address
    server_stop stop_seen;
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
            if (!next.is_item() || cx.stopping()) return next;
            const std::string reason = server_.reason_to_refuse(*next);
            if (reason.empty()) return next;
            ++server_.result.refused;
            server_.tell(std::make_exception_ptr(limit_exceeded{reason}));
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

    serve_state<S>& server_;
};

/// The operation of one connection: its handler.
template <stream S, operation A>
class served_connection {
public:
    using result_type = unit;

    /// @param peer  whose connections are counted, or empty
    served_connection(serve_state<S>& server, A handler, std::string peer)
        : server_{&server}, handler_(std::move(handler)), peer_{std::move(peer)} {
        server.enter(peer_);
    }
    served_connection(served_connection&& other)
        : server_{std::exchange(other.server_, nullptr)},
          handler_(std::move(other.handler_)),
          peer_{std::move(other.peer_)} {}
    ~served_connection() {
        if (server_ != nullptr) server_->leave(peer_);
    }

    poll<unit> poll_result(context& cx) {
        const duration lifetime = server_->options.lifetime;
        const bool limited = lifetime != duration::max();
        if (limited && !started_) limit_.set(cx.executor(), cx.executor().time_after(lifetime));
        started_ = true;
        try {
            if (handler_.poll_result(cx).is_pending()) {
                if (!limited || cx.stopping() || !limit_.over(cx)) return pending;
                ++server_->result.expired;
                server_->tell(std::make_exception_ptr(timed_out{message(), lifetime}));
                return unit{};
            }
            ++server_->result.served;
        } catch (...) {
            if (!server_->options.on_error) throw;
            ++server_->result.failed;
            server_->tell(std::current_exception());
        }
        return unit{};
    }

private:
    std::string message() const {
        return "weir::serve: a connection" + (peer_.empty() ? "" : " from " + peer_) + " has not ended";
    }

    serve_state<S>* server_;
    A handler_;
    std::string peer_;
    time_limit limit_;
    bool started_ = false;
};

/// The operation that a handler returns.
template <class Handler, class T>
struct handled {
    using type = std::invoke_result_t<Handler&, T>;
};
template <class Handler, class T>
    requires returns_operation<Handler&, T, const server_stop&>
struct handled<Handler, T> {
    using type = std::invoke_result_t<Handler&, T, const server_stop&>;
};

/// Creates the operations of connections.
template <stream S, class Handler>
class serve_each {
public:
    serve_each(serve_state<S>& server, Handler& handler) noexcept : server_{&server}, handler_{&handler} {}

    auto operator()(item_t<S>&& connection) {
        using operation_type = typename handled<Handler, item_t<S>>::type;
        std::string peer = server_->peer_of(connection);
        if constexpr (returns_operation<Handler&, item_t<S>, const server_stop&>) {
            return served_connection<S, operation_type>(
                *server_, std::invoke(*handler_, std::move(connection), std::as_const(server_->stop_seen)),
                std::move(peer));
        } else {
            return served_connection<S, operation_type>(*server_, std::invoke(*handler_, std::move(connection)),
                                                        std::move(peer));
        }
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

    void outline(stage_outline& out) const {
        out.holds({.items = server_.options.max_connections, .in_user_code = 1});
        out.upstream(server_.connections);
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
        constexpr bool handles =
            detail::returns_operation<Handler&, T> || detail::returns_operation<Handler&, T, const server_stop&>;
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
        detail::at_least_one(options.max_per_peer,
                             "weir::serve(handler, stop, options): max_per_peer must be at least 1");
        if (options.lifetime <= duration::zero())
            throw std::invalid_argument{"weir::serve(handler, stop, options): lifetime must be positive"};
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
///               weir::serve(echo, weir::signals(SIGINT, SIGTERM), {.max_connections = 1000, .drain = 5s}));
///
/// The stop destroys the stream of connections at once. An accept(listener) that owns its listener then closes it: new
/// connections are refused, and those in the kernel's backlog are reset. An accept that borrows its listener leaves
/// them in the backlog.
///
/// A handler may take the stop as its second argument, `const weir::server_stop&`, so that it can say goodbye and end
/// instead of using up the time after the stop.
///
/// The stop is a stream (its first item; a second item also ends the time for handlers to finish), an operation (its
/// result), or a std::stop_token. A failure of the connections' stream is also a stop, and is thrown at the end.
///
/// Ends: when the connections' stream has ended and the last handler has finished, or the time after the stop is over.
/// Errors: that of the connections' stream, after the running handlers have finished; that of the stop, at once; that
/// of a handler, at once, unless there is an `on_error`.
/// Dropped: destroys all handlers and the connections' stream at once.
/// Cost: one allocation per concurrent connection, reused; one more for each peer with max_per_peer.
/// See: accept, limited_stream, for_each, with_stop.
///
/// @throws std::invalid_argument when max_connections or max_per_peer is 0, lifetime is not positive, or drain is
/// negative
inline constexpr serve_fn serve{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <cerrno>
#include <string>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/backend/endpoint.hpp>
#include <weir/backend/socket_system.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/io/socket_options.hpp>

namespace weir {

/// A TCP connection. The destructor closes it.
///
///     auto server = co_await weir::tcp_connect({"127.0.0.1", 8080});
///     co_await server.write("GET / HTTP/1.0\r\n\r\n");
///     std::array<char, 4096> answer;
///     const std::size_t n = co_await server.read(answer);
///
/// One read and one write may be in flight at a time. Small writes are sent at once (TCP_NODELAY).
///
/// Errors: std::system_error with the peer's address in the message, such as `write 127.0.0.1:8080: Broken pipe`.
/// Lifetime: it must outlive its operations and must not be moved while they run. It may outlive the executor, and may
/// be used on another executor while nothing is in flight.
class tcp_stream {
public:
    static constexpr auto read_kind = io_request::kind::receive;
    static constexpr auto write_kind = io_request::kind::send;

    tcp_stream() noexcept = default;
    tcp_stream(detail::descriptor fd, const endpoint& remote) noexcept : fd_{std::move(fd)}, remote_{remote} {}

    bool is_open() const noexcept { return fd_.get() >= 0; }
    /// Closes the connection. An operation in flight may then never complete and must be dropped. It never gets the
    /// bytes of another connection.
    void close() noexcept { fd_.close(); }
    int native_handle() const noexcept { return fd_.get(); }
    std::string name() const { return remote_.to_string(); }
    const endpoint& remote_endpoint() const noexcept { return remote_; }

    /// `co_await s.read(buffer)`: returns the number of bytes read; 0 when the peer has shut down its side.
    auto read(byte_span to) noexcept { return detail::read_operation<tcp_stream>{*this, to, -1}; }

    /// `co_await s.write(data)`: writes all data.
    auto write(byte_view what) noexcept { return detail::write_operation<tcp_stream>{*this, what, -1}; }

    /// `co_await s.shutdown_write()`: the peer reads the written data and then the end.
    auto shutdown_write() noexcept {
        return detail::immediate_operation{[this](backend& io) {
            if (const int r = io.shutdown_write(native_handle()); r < 0) detail::throw_io_error(r, "shut down", name());
            return unit{};
        }};
    }

    /// `co_await s.local_endpoint()`
    auto local_endpoint() const noexcept {
        return detail::immediate_operation{[this](backend& io) {
            endpoint local;
            if (const int r = io.local_endpoint(native_handle(), local); r < 0) {
                detail::throw_io_error(r, "local address of the connection to", name());
            }
            return local;
        }};
    }

private:
    detail::descriptor fd_;
    endpoint remote_;
};

namespace detail {

/// Accepts the next connection, or returns minus an error number. Skips connections that failed before.
class accept_step {
public:
    poll<int> poll_next(context& cx, int fd);

    endpoint peer;

private:
    io_operation operation_;
};

template <class Listener>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] accept_operation {
public:
    using result_type = typename Listener::connection_type;

    explicit accept_operation(const Listener& listener) noexcept : listener_{&listener} {}

    poll<result_type> poll_result(context& cx) {
        const auto r = step_.poll_next(cx, listener_->native_handle());
        if (r.is_pending()) return pending;
        if (*r < 0) throw_io_error(*r, "accept on", listener_->name());
        return listener_->connection({*r, cx.executor().io().closer()}, step_.peer);
    }

private:
    const Listener* listener_;
    accept_step step_;
};

} // namespace detail

/// Accepts connections, as the stream `accept(listener)` or one by one. The destructor closes it.
///
///     auto listener = co_await weir::listen({"::1", 0});
///     print(listener.local_endpoint());   // with the port that the kernel chose
///     weir::tcp_stream client = co_await listener.accept();
///
/// A listener that other code has opened may be shared with other processes. The epoll backend sets it to non-blocking
/// mode, for all who share it.
///
/// Errors and lifetime as of tcp_stream.
class tcp_listener {
public:
    using connection_type = tcp_stream;

    tcp_listener() noexcept = default;
    tcp_listener(detail::descriptor fd, const endpoint& local) noexcept : fd_{std::move(fd)}, local_{local} {}

    bool is_open() const noexcept { return fd_.get() >= 0; }
    void close() noexcept { fd_.close(); }
    int native_handle() const noexcept { return fd_.get(); }
    std::string name() const { return local_.to_string(); }
    const endpoint& local_endpoint() const noexcept { return local_; }

    /// `co_await l.accept()`: the next connection. A dropped accept closes a connection that has just arrived, and its
    /// peer reads the end. The stream `accept(l)` keeps it for the next poll.
    auto accept() noexcept { return detail::accept_operation{*this}; }

    /// Wraps an accepted descriptor.
    tcp_stream connection(detail::descriptor fd, const endpoint& peer) const noexcept { return {std::move(fd), peer}; }

private:
    detail::descriptor fd_;
    endpoint local_;
};

namespace detail {

inline poll<int> accept_step::poll_next(context& cx, int fd) {
    for (;;) {
        const auto r = operation_.run(cx, {.what = io_request::kind::accept, .fd = fd, .address = &peer});
        if (r.is_pending()) return pending;
        switch (-*r) {
        // As accept(2) advises: these are errors of one connection, not of the listener.
        case ECONNABORTED:
        case ENETDOWN:
        case EPROTO:
        case ENOPROTOOPT:
        case EHOSTDOWN:
        case EHOSTUNREACH:
        case ENETUNREACH:
        case ENONET:
        case EOPNOTSUPP:
        case EPERM: // a firewall's rule
        case ETIMEDOUT:
            if (!cx.spend()) return cx.yield();
            continue;
        default:
            return *r;
        }
    }
}

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] connect_operation {
public:
    using result_type = tcp_stream;

    connect_operation(const endpoint& peer, const tcp_options& options) : peer_{peer}, options_{options} {
        check(options, "tcp_connect");
    }

    poll<tcp_stream> poll_result(context& cx) {
        if (fd_.get() < 0) {
            const int fd = cx.executor().io().open_stream_socket(peer_);
            if (fd < 0) throw_io_error(fd, "connect to", peer_.to_string());
            fd_ = descriptor{fd, cx.executor().io().closer()};
            set_options(cx.executor().io(), fd, options_, peer_);
        }
        const auto r = operation_.run(cx, {.what = io_request::kind::connect, .fd = fd_.get(), .address = &peer_});
        if (r.is_pending()) return pending;
        if (*r < 0) throw_io_error(*r, "connect to", peer_.to_string());
        if (is_connected_to_itself(cx.executor().io())) throw_io_error(-ECONNREFUSED, "connect to", peer_.to_string());
        return tcp_stream{std::move(fd_), peer_};
    }

private:
    /// Where no socket listens on a port that the kernel gives to clients, it may give that very port to this socket
    /// and connect it to itself.
    bool is_connected_to_itself(backend& io) const {
        endpoint local;
        endpoint peer;
        return io.local_endpoint(fd_.get(), local) >= 0 && local.port() == peer_.port() &&
               io.remote_endpoint(fd_.get(), peer) >= 0 && local == peer;
    }

    endpoint peer_;
    tcp_options options_;
    descriptor fd_;
    io_operation operation_; // after the descriptor, so that it is cancelled before that is closed
};

} // namespace detail

/// `co_await tcp_connect(endpoint)`: connects, and returns the connection.
/// @throws std::system_error `connect to 127.0.0.1:1: Connection refused`
/// @throws std::invalid_argument for options that are out of range
inline auto tcp_connect(const endpoint& peer, const tcp_options& options = {}) {
    return detail::connect_operation{peer, options};
}

struct listen_options {
    int backlog = 4096;           ///< connections that wait to be accepted; the kernel lowers it to net.core.somaxconn
    bool reuse_port = false;      ///< several listeners share the connections of one port, such as one per thread
    tcp_options connections = {}; ///< the options of accepted connections
};

/// `co_await listen(endpoint)`: creates a listener. Port 0 lets the kernel choose one. `::` includes IPv4 if the kernel
/// is configured so. A restarted server gets its port back at once (SO_REUSEADDR). After SIGKILL on io_uring, listen
/// may fail with `Address already in use` for some milliseconds, until the kernel has closed the ring of the process.
/// @throws std::system_error `listen on 0.0.0.0:80: Permission denied`
/// @throws std::invalid_argument for options that are out of range
inline auto listen(const endpoint& local, const listen_options& options = {}) {
    detail::check(options.connections, "listen");
    return detail::immediate_operation{[local, options](backend& io) {
        const auto check = [&](int r) {
            if (r < 0) detail::throw_io_error(r, "listen on", local.to_string());
            return r;
        };
        detail::descriptor owned;
        if (options.reuse_port || options.connections != tcp_options{}) {
            owned = {check(io.open_stream_socket(local)), io.closer()};
            if (options.reuse_port) detail::set_reuse_port(io, owned.get(), local);
            detail::set_options(io, owned.get(), options.connections, local);
            check(io.sockets().listen(owned.get(), local, options.backlog));
        } else {
            owned = {check(io.listen(local, options.backlog)), io.closer()};
        }
        endpoint bound;
        check(io.local_endpoint(owned.get(), bound));
        return tcp_listener{std::move(owned), bound};
    }};
}

} // namespace weir

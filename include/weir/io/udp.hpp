// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <utility>

#include <weir/backend/backend.hpp>
#include <weir/backend/endpoint.hpp>
#include <weir/backend/socket_system.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/executor/executor.hpp>
#include <weir/io/byte_view.hpp>
#include <weir/io/detail/descriptor.hpp>
#include <weir/io/detail/error.hpp>
#include <weir/io/detail/transfer.hpp>
#include <weir/io/socket_options.hpp>

namespace weir {

/// A datagram that was received into a buffer.
struct received_datagram {
    std::size_t size; ///< bytes in the buffer
    std::size_t sent; ///< the size of the datagram in bytes, as sent
    endpoint from;

    /// Whether the buffer was too small, so that the rest is lost.
    bool truncated() const noexcept { return sent > size; }
};

class udp_socket;

namespace detail {

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] send_to_operation {
public:
    using result_type = unit;

    send_to_operation(udp_socket& socket, byte_view what) noexcept : send_to_operation{socket, what, endpoint{}} {}
    send_to_operation(udp_socket& socket, byte_view what, const endpoint& to) noexcept : socket_{&socket}, to_{to} {
        message_.data = const_cast<void*>(what.data());
        message_.size = what.size();
    }

    poll<unit> poll_result(context& cx);

private:
    udp_socket* socket_;
    endpoint to_;
    io_message message_;
    io_operation operation_; // last: cancelled before its message is destroyed
};

/// Without its own buffer.
class receive_from_step {
public:
    bool started() const noexcept { return operation_.started(); }
    poll<received_datagram> poll_result(context& cx, const udp_socket& socket, byte_span to);

private:
    endpoint from_;
    io_message message_;
    io_operation operation_; // last: cancelled before its message is destroyed
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] receive_from_operation {
public:
    using result_type = received_datagram;

    receive_from_operation(const udp_socket& socket, byte_span to) noexcept : socket_{&socket}, to_{to} {}
    poll<received_datagram> poll_result(context& cx) { return step_.poll_result(cx, *socket_, to_); }

private:
    const udp_socket* socket_;
    byte_span to_;
    receive_from_step step_;
};

} // namespace detail

/// A UDP socket. It sends and receives whole datagrams, which may be lost or reordered. The destructor closes it.
///
///     auto socket = co_await weir::udp_bind({"::", 5353});
///     std::array<char, 1500> buffer;
///     const auto question = co_await socket.receive_from(buffer);
///     co_await socket.send_to(answer(buffer, question.size), question.from);
///
/// Any number of operations may be in flight.
///
/// Errors: std::system_error with the address in the message, such as `send to 10.0.0.1:53: Message too long`.
/// Lifetime: it must outlive its operations and must not be moved while they run. It may outlive the executor.
class udp_socket {
public:
    udp_socket() noexcept = default;
    udp_socket(detail::descriptor fd, const endpoint& local, const endpoint& remote) noexcept
        : fd_{std::move(fd)}, local_{local}, remote_{remote} {}

    bool is_open() const noexcept { return fd_.get() >= 0; }
    void close() noexcept { fd_.close(); }
    int native_handle() const noexcept { return fd_.get(); }
    const endpoint& local_endpoint() const noexcept { return local_; }
    /// The peer of a connected socket; otherwise no address.
    const endpoint& remote_endpoint() const noexcept { return remote_; }

    /// `co_await s.send_to(data, endpoint)`
    auto send_to(byte_view what, const endpoint& to) noexcept { return detail::send_to_operation{*this, what, to}; }

    /// `co_await s.receive_from(buffer)`: the next datagram, which may be empty. A dropped call loses none: the next
    /// call returns a datagram that has just arrived, unless the buffer was too small for it.
    auto receive_from(byte_span to) noexcept { return detail::receive_from_operation{*this, to}; }

    /// `co_await s.connect(endpoint)`: receives from that address only. When the address refuses, the next operation
    /// fails with `receive from 10.0.0.1:53: Connection refused`; the socket remains usable.
    auto connect(const endpoint& peer) noexcept {
        return detail::immediate_operation{[this, peer](backend& io) {
            int r = io.sockets().connect(native_handle(), peer);
            if (r >= 0) r = io.local_endpoint(native_handle(), local_);
            if (r < 0) detail::throw_io_error(r, "connect to", peer.to_string());
            remote_ = peer;
            return unit{};
        }};
    }
    /// `co_await s.send(data)`: sends to the connected address.
    auto send(byte_view what) noexcept { return detail::send_to_operation{*this, what}; }

private:
    auto change_membership(const endpoint& group, std::string interface, membership what) const {
        detail::refuse_nul(interface, "weir::udp_socket: the interface");
        return detail::immediate_operation{[this, group, interface = std::move(interface), what](backend& io) {
            if (const int r = io.sockets().set_membership(native_handle(), group, interface.c_str(), what); r < 0) {
                detail::throw_io_error(r, what == membership::join ? "join" : "leave",
                                       group.address() + (interface.empty() ? "" : " on " + interface));
            }
            return unit{};
        }};
    }

public:
    /// `co_await s.join(group, interface)`: receives the datagrams of a multicast group too. With the name of a network
    /// interface the group is joined there, and what this socket sends to multicast groups leaves there.
    /// @throws std::system_error `join 239.1.2.3 on eth9: No such device`
    auto join(const endpoint& group, std::string interface = {}) {
        return change_membership(group, std::move(interface), membership::join);
    }
    /// `co_await s.leave(group, interface)`: ends a membership; its arguments are those of `join`.
    auto leave(const endpoint& group, std::string interface = {}) {
        return change_membership(group, std::move(interface), membership::leave);
    }

private:
    detail::descriptor fd_;
    endpoint local_;
    endpoint remote_;
};

namespace detail {

inline poll<unit> send_to_operation::poll_result(context& cx) {
    const bool has_address = to_.size() != 0;
    message_.to = has_address ? &to_ : nullptr;
    const auto r =
        operation_.run(cx, {.what = io_request::kind::send_message, .fd = socket_->native_handle(), .data = &message_});
    if (r.is_pending()) return pending;
    if (*r < 0) throw_io_error(*r, "send to", (has_address ? to_ : socket_->remote_endpoint()).to_string());
    return unit{};
}

inline poll<received_datagram> receive_from_step::poll_result(context& cx, const udp_socket& socket, byte_span to) {
    message_.data = to.data();
    message_.size = to.size();
    message_.from = &from_;
    const auto r = operation_.run(
        cx, {.what = io_request::kind::receive_message, .fd = socket.native_handle(), .data = &message_});
    if (r.is_pending()) return pending;
    if (*r < 0) {
        if (socket.remote_endpoint().size() != 0) {
            throw_io_error(*r, "receive from", socket.remote_endpoint().to_string());
        }
        throw_io_error(*r, "receive on", socket.local_endpoint().to_string());
    }
    const auto sent = static_cast<std::size_t>(*r);
    return received_datagram{sent < to.size() ? sent : to.size(), sent, from_};
}

} // namespace detail

/// `co_await udp_bind(endpoint)`: creates a socket that receives at that address. Port 0 lets the kernel choose one.
/// @throws std::system_error `bind to 0.0.0.0:53: Permission denied`
/// @throws std::invalid_argument for options that are out of range
inline auto udp_bind(const endpoint& local, const udp_options& options = {}) {
    detail::check(options, "udp_bind");
    return detail::immediate_operation{[local, options](backend& io) {
        const auto check = [&](int r) {
            if (r < 0) detail::throw_io_error(r, "bind to", local.to_string());
            return r;
        };
        detail::descriptor fd{check(io.sockets().open_datagram_socket(local)), io.closer()};
        detail::set_options(io, fd.get(), options, local);
        check(io.sockets().bind(fd.get(), local));
        endpoint bound;
        check(io.local_endpoint(fd.get(), bound));
        return udp_socket{std::move(fd), bound, {}};
    }};
}

/// `co_await udp_connect(endpoint)`: creates a socket on a port that the kernel chooses, connected to that address.
/// @throws std::system_error `connect to 10.0.0.1:53: Network is unreachable`
/// @throws std::invalid_argument for options that are out of range
inline auto udp_connect(const endpoint& peer, const udp_options& options = {}) {
    detail::check(options, "udp_connect");
    return detail::immediate_operation{[peer, options](backend& io) {
        const auto check = [&](int r) {
            if (r < 0) detail::throw_io_error(r, "connect to", peer.to_string());
            return r;
        };
        detail::descriptor fd{check(io.sockets().open_datagram_socket(peer)), io.closer()};
        detail::set_options(io, fd.get(), options, peer);
        check(io.sockets().connect(fd.get(), peer));
        endpoint local;
        check(io.local_endpoint(fd.get(), local));
        return udp_socket{std::move(fd), local, peer};
    }};
}

} // namespace weir

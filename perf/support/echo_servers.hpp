// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include <weir/backend/backend.hpp>

namespace bench {

using ready_function = std::function<void(std::uint16_t port)>;

// Servers that send back what they receive, forever, on one thread. `message` is the size of a client's message.

/// With liburing in its fastest form: multishot accept and receive, a ring of buffers, and one system call for all
/// events that are ready. Returns false where the kernel refuses io_uring.
bool raw_uring_echo(const ready_function& ready, std::size_t message);
/// With one receive request per message, made when the previous message was sent back.
bool raw_uring_echo_on_demand(const ready_function& ready, std::size_t message);
/// With epoll: each connection is registered once, and each message costs one recv and one send.
void raw_epoll_echo(const ready_function& ready, std::size_t message);
/// Returns false where asio is not installed.
bool asio_echo(const ready_function& ready, std::size_t message);

bool have_uring() noexcept;
bool have_asio() noexcept;

/// `read(client) | write(client)` for each client.
void weir_echo(const ready_function& ready, weir::backend_kind backend);
/// With `co_await client.read(buffer)` in a loop.
void weir_echo_buffer(const ready_function& ready, weir::backend_kind backend, std::size_t message);

} // namespace bench

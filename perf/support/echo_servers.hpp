// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include <weir/backend/backend.hpp>

namespace bench {

using ready_function = std::function<void(std::uint16_t port)>;

// Servers that send back what they receive, forever, on one thread; `message` is what their clients send at once.

/// Over liburing, as it is best written by hand: multishot accept and receive, a ring of buffers, one system call for
/// all that is ready. False where the kernel refuses.
bool raw_uring_echo(const ready_function& ready, std::size_t message);
/// The same with one request for each receive, made when the last message has been sent back.
bool raw_uring_echo_on_demand(const ready_function& ready, std::size_t message);
/// Over epoll: a connection is registered once, and costs one recv and one send a message.
void raw_epoll_echo(const ready_function& ready, std::size_t message);
/// False where there is no asio.
bool asio_echo(const ready_function& ready, std::size_t message);

bool have_uring() noexcept;
bool have_asio() noexcept;

/// `read(client) | write(client)` for each client.
void weir_echo(const ready_function& ready, weir::backend_kind backend);
/// The same with `co_await client.read(buffer)` in a loop.
void weir_echo_buffer(const ready_function& ready, weir::backend_kind backend, std::size_t message);

} // namespace bench

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/backend.hpp>

#include "echo_servers.hpp"

namespace bench {

// Servers on one thread that take what any client sends for a message to all clients, its own included; a message that
// begins with `crowd_leaves` makes them drop all connections, and wait for others.

constexpr char crowd_leaves = 'q';
constexpr unsigned crowd_message = 64; // bytes

/// Multishot accept and receive, a ring of buffers. False where the kernel refuses.
bool raw_uring_crowd(const ready_function& ready);
/// A connection is registered once, and is a structure of its own.
void raw_epoll_crowd(const ready_function& ready);
/// False where there is no asio.
bool asio_crowd(const ready_function& ready);

/// `read(client) | for_each(...)` for each client.
void weir_crowd(const ready_function& ready, weir::backend_kind backend);
/// The same with `co_await client.read(buffer)` in a loop.
void weir_crowd_buffer(const ready_function& ready, weir::backend_kind backend);

} // namespace bench

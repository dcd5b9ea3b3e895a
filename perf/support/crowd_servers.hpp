// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/backend.hpp>

#include "echo_servers.hpp"

namespace bench {

// Servers on one thread that send each message of a client to all clients, the sender included. A message that starts
// with `crowd_leaves` makes them drop all connections and wait for new ones.

constexpr char crowd_leaves = 'q';
constexpr unsigned crowd_message = 64; // bytes

/// With multishot accept and receive, and a ring of buffers. Returns false where the kernel refuses io_uring.
bool raw_uring_crowd(const ready_function& ready);
/// With epoll. Each connection is a structure, and is registered once.
void raw_epoll_crowd(const ready_function& ready);
/// Returns false where asio is not installed.
bool asio_crowd(const ready_function& ready);

/// `read(client) | for_each(...)` for each client.
void weir_crowd(const ready_function& ready, weir::backend_kind backend);
/// With `co_await client.read(buffer)` in a loop.
void weir_crowd_buffer(const ready_function& ready, weir::backend_kind backend);

} // namespace bench

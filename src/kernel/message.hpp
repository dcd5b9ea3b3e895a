// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/socket_system.hpp>

#include <sys/socket.h>

namespace weir::kernel {

/// Fills in the msghdr inside a message and returns it. It is valid until the message is used for another request.
msghdr* to_send(io_message& message) noexcept;
msghdr* to_receive(io_message& message) noexcept;
int receive_flags(const io_message& message) noexcept;

/// Copies the sender and the descriptors of a received message from its msghdr.
void received(io_message& message) noexcept;

} // namespace weir::kernel

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/backend/socket_system.hpp>

#include <sys/socket.h>

namespace weir::kernel {

/// The kernel's form of a message, in the message itself: good until it is used for another request.
msghdr* to_send(io_message& message) noexcept;
msghdr* to_receive(io_message& message) noexcept;
int receive_flags(const io_message& message) noexcept;

/// Takes in what the kernel has left in its form of a message that was received.
void received(io_message& message) noexcept;

} // namespace weir::kernel

// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <vector>

#include <weir/io/detail/transfer.hpp>
#include <weir/io/unix.hpp>

namespace weir {

/// A socket that a service manager has opened.
struct activated_socket {
    std::string name; ///< from the manager's configuration, such as FileDescriptorName= of systemd; may be empty
    received_descriptor descriptor;
};

namespace detail {

std::vector<activated_socket> take_activated_sockets(backend& io);

} // namespace detail

/// `co_await activated_sockets()`: the sockets that a service manager, such as systemd, has opened for this process
/// (LISTEN_FDS). Empty when there are none, or when they are for another process. They are taken once: the environment
/// variables are removed.
///
///     auto sockets = co_await weir::activated_sockets();
///     auto listener = sockets.empty() ? co_await weir::listen({"::", 80})
///                                     : co_await std::move(sockets[0].descriptor).to_tcp_listener();
///
/// Threads: it changes the environment of the process; call it before other threads read that.
///
/// @throws std::system_error when LISTEN_FDS is no number, or when one of the descriptors was not passed to the
///         program: it is not open, or is closed on exec. Then the others are closed; the manager has its own copies.
inline auto activated_sockets() { return detail::immediate_operation{&detail::take_activated_sockets}; }

} // namespace weir

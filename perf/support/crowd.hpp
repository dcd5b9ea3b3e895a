// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace bench {

/// The measurement per connection of a server with very many connections.
enum class of_crowd {
    accept,    ///< server CPU nanoseconds to accept it and to start a read
    memory,    ///< bytes of private memory of the server, while all connections are idle
    broadcast, ///< server CPU nanoseconds to send 64 bytes to each
    drop,      ///< nanoseconds until each client has seen the end and the server has closed its descriptor
};

/// Measures servers. Each round starts a server, connects to it, makes it send to all and drop all, and checks that it
/// still serves: every connection must be accepted, receive the message, and end. Returns the exit status.
int ask_crowd(int argc, char** argv, std::string text, of_crowd what);

} // namespace bench

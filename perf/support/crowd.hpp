// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace bench {

/// What is measured of a server that has very many connections, a connection.
enum class of_crowd {
    accept,    ///< server CPU nanoseconds to take it, and to begin to read from it
    memory,    ///< bytes of the server's own, while all are idle
    broadcast, ///< server CPU nanoseconds to send 64 bytes to each
    drop,      ///< nanoseconds until each client has seen the end, and the server has given its descriptor back
};

/// Each time a server is started, is connected to, sends to all, drops all, and must then still serve: every connection
/// has to arrive, to get what is sent, and to end. Gives the exit status of the program.
int ask_crowd(int argc, char** argv, std::string text, of_crowd what);

} // namespace bench

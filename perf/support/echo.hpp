// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "bench.hpp"
#include "remote.hpp"

namespace bench {

struct echo_load {
    std::size_t connections;
    std::size_t message; ///< bytes
};

/// What round trips cost a server, which lives from the first measurement on, with its clients.
work echo_served_by(server_process::serve serve, echo_load load);
/// The same, anew for each measurement, with each client served once before: where there are too many for all servers
/// at once.
work echo_served_anew_by(server_process::serve serve, echo_load load);

/// Asks what a round trip costs the server, of each server there is. Gives the exit status of the program.
int ask_echo(int argc, char** argv, std::string text, echo_load load, std::uint64_t round_trips);

} // namespace bench

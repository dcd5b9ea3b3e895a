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

/// Measures the cost of round trips for a server. The server and its clients live from the first measurement on.
work echo_served_by(server_process::serve serve, echo_load load);
/// Measures the same with a new server and new clients for each measurement, for numbers of clients that are too large
/// for all servers at once. Each client is served once before.
work echo_served_anew_by(server_process::serve serve, echo_load load);

/// Measures the cost of a round trip for each available server. Returns the exit status of the program.
int ask_echo(int argc, char** argv, std::string text, echo_load load, std::uint64_t round_trips);

} // namespace bench

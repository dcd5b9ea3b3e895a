#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace bench {

struct echo_load {
    std::size_t connections;
    std::size_t message; ///< bytes
};

/// Asks what a round trip costs the server, of each server there is. Gives the exit status of the program.
int ask_echo(int argc, char** argv, std::string text, echo_load load, std::uint64_t round_trips);

} // namespace bench

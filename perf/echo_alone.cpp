// SPDX-License-Identifier: MIT
// What does a round trip cost a server that has one connection only, and is idle between two messages?

#include "support/echo.hpp"

int main(int argc, char** argv) {
    return bench::ask_echo(argc, argv, "What does a round trip cost a server: 1 connection, 64 bytes?",
                           {.connections = 1, .message = 64}, 50'000);
}

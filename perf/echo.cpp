// SPDX-License-Identifier: MIT
// What does a round trip cost a server, with 64 connections of which each sends 64 bytes and waits for the echo?

#include "support/echo.hpp"

int main(int argc, char** argv) {
    return bench::ask_echo(argc, argv, "What does a round trip cost a server: 64 connections, 64 bytes?",
                           {.connections = 64, .message = 64}, 200'000);
}

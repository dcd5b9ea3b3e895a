// SPDX-License-Identifier: MIT
// What does a round trip cost a server, with 64 connections of which each sends 16 KiB and waits for the echo?

#include "support/echo.hpp"

int main(int argc, char** argv) {
    return bench::ask_echo(argc, argv, "What does a round trip cost a server: 64 connections, 16 KiB?",
                           {.connections = 64, .message = 16 * 1024}, 50'000);
}

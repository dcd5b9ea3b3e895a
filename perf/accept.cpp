// SPDX-License-Identifier: MIT
// What does it cost a server to accept a connection and to wait for its data, with ten thousand connections?

#include "support/crowd.hpp"

int main(int argc, char** argv) {
    return bench::ask_crowd(argc, argv, "What does it cost a server to accept a connection?", bench::of_crowd::accept);
}

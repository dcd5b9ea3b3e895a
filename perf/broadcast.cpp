// SPDX-License-Identifier: MIT
// What does it cost a server to send a message to each of ten thousand connections?

#include "support/crowd.hpp"

int main(int argc, char** argv) {
    return bench::ask_crowd(argc, argv,
                            "What does it cost a server to send a message to each of ten thousand connections?",
                            bench::of_crowd::broadcast);
}

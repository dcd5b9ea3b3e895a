// SPDX-License-Identifier: MIT
// How much private memory does a server use per idle connection, with ten thousand connections?

#include "support/crowd.hpp"

int main(int argc, char** argv) {
    return bench::ask_crowd(argc, argv, "How much private memory does a server use per idle connection?",
                            bench::of_crowd::memory);
}

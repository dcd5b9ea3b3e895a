// SPDX-License-Identifier: MIT
// How much memory of its own does a server take for an idle connection, with ten thousand?

#include "support/crowd.hpp"

int main(int argc, char** argv) {
    return bench::ask_crowd(argc, argv, "How much memory of its own does a server take for an idle connection?",
                            bench::of_crowd::memory);
}

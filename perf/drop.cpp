// SPDX-License-Identifier: MIT
// How long does it take to close ten thousand connections that are dropped at once?

#include "support/crowd.hpp"

int main(int argc, char** argv) {
    return bench::ask_crowd(argc, argv,
                            "How long does it take until ten thousand connections that are dropped at once are gone?",
                            bench::of_crowd::drop);
}

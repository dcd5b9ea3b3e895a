// SPDX-License-Identifier: MIT
// Runs a program and writes to a file how much memory it took at most, in KiB. (A large parent that measures its child
// gets its own size, since a child begins as a copy of it.)
//
//     peak_memory FILE PROGRAM ARGUMENT...

#include <cstdio>
#include <fstream>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char** argv) {
    if (argc < 3) return 127;
    const pid_t child = ::fork();
    if (child == 0) {
        ::execv(argv[2], argv + 2);
        std::perror(argv[2]);
        ::_exit(127);
    }
    int status = 0;
    rusage usage{};
    if (child < 0 || ::wait4(child, &status, 0, &usage) < 0) return 127;
    std::ofstream{argv[1]} << usage.ru_maxrss << '\n';
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

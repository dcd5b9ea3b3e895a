// SPDX-License-Identifier: MIT
#pragma once

#include <csignal>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <string>
#include <system_error>
#include <utility>

#include <doctest/doctest.h>

#include <fcntl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace support {

/// Where the child process of in_child writes its answer. A function that overwrites descriptors may move it.
inline int answer_descriptor = -1;

/// What f returns, in a child process; the message of what it throws.
template <class F>
std::string in_child(F f) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        answer_descriptor = ends[1];
        std::string answer;
        try {
            answer = f();
        } catch (const std::exception& e) {
            answer = e.what();
        }
        const ssize_t written = ::write(answer_descriptor, answer.data(), answer.size());
        ::_exit(written == static_cast<ssize_t>(answer.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    std::string answer;
    char buffer[512];
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        answer.append(buffer, static_cast<std::size_t>(n));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    CHECK(status == 0);
    return answer;
}

/// What a child process writes to stderr when f aborts it; nothing when f does not.
template <class F>
std::string abort_message(F f) {
    int ends[2];
    REQUIRE(::pipe(ends) == 0);
    std::fflush(nullptr);
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) {
        ::dup2(ends[1], STDERR_FILENO);
        std::signal(SIGABRT, SIG_DFL);
        f();
        ::_exit(0);
    }
    ::close(ends[1]);
    std::string message;
    char buffer[512];
    for (ssize_t n = 0; (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
        message.append(buffer, static_cast<std::size_t>(n));
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    const bool aborted = WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
    return aborted ? message : "";
}

/// Whether f aborts with a message that has these words.
template <class F>
bool aborts_with(const char* words, F f) {
    return abort_message(std::move(f)).find(words) != std::string::npos;
}

} // namespace support

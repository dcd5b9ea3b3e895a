// SPDX-License-Identifier: MIT
#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string_view>

#include <linux/io_uring.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "allocations.hpp"

namespace {

// Asks the kernel itself: the library under test must not decide whether its test is skipped.
bool kernel_refuses_io_uring() {
    io_uring_params params{};
    const long fd = syscall(SYS_io_uring_setup, 1, &params);
    if (fd >= 0) {
        close(static_cast<int>(fd));
        return false;
    }
    return errno == EPERM || errno == ENOSYS;
}

} // namespace

int main(int argc, char** argv) {
    constexpr int skipped = 77;
    const char* backend = std::getenv("WEIR_BACKEND");
    if (backend && std::string_view{backend} == "uring" && kernel_refuses_io_uring()) {
        std::printf("skipped: no io_uring here (%s)\n", std::strerror(errno));
        return skipped;
    }
    const char* needs = std::getenv("WEIR_TEST_NEEDS");
    if (needs && std::string_view{needs} == "failing allocations" && !support::allocations_can_fail()) {
        std::printf("skipped: this sanitizer has its own operator new\n");
        return skipped;
    }
    return doctest::Context{argc, argv}.run();
}

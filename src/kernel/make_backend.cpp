// SPDX-License-Identifier: MIT
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

#include <weir/backend/backend.hpp>

#include "kernel/epoll_backend.hpp"
#include "kernel/uring_backend.hpp"

namespace weir {

#ifndef WEIR_HAVE_URING
void kernel::check_uring() {}

std::unique_ptr<backend> kernel::make_uring_backend(const uring_limits&) {
    throw std::system_error{std::make_error_code(std::errc::function_not_supported),
                            "weir: the io_uring backend was demanded, but this library was built without it"};
}
#endif

namespace {

backend_kind demanded_by_environment() {
    const char* value = std::getenv("WEIR_BACKEND");
    if (value == nullptr) return backend_kind::automatic;
    const std::string_view name{value};
    if (name == "uring") return backend_kind::uring;
    if (name == "epoll") return backend_kind::epoll;
    throw std::invalid_argument{"WEIR_BACKEND is neither uring nor epoll: " + std::string{name}};
}

/// Prints why epoll was chosen, if WEIR_DEBUG is set.
void report_fallback(const std::system_error& why) {
    const char* wanted = std::getenv("WEIR_DEBUG");
    if (wanted == nullptr || *wanted == '\0' || std::string_view{wanted} == "0") return;
    std::fprintf(stderr, "weir: debug: epoll instead of io_uring: %s\n", why.what());
}

std::unique_ptr<backend> best_backend() {
    try {
        kernel::check_uring();
        return kernel::make_uring_backend();
    } catch (const std::system_error& e) {
        switch (e.code().value()) {
        case EPERM:  // a sandbox, or the sysctl io_uring_disabled
        case EACCES: // a sandbox, or a security module
        case ENOSYS: // a kernel without it, or a library without it
        case EINVAL: // a kernel that is too old
        case ENOMEM: // a limit on locked memory
            report_fallback(e);
            return kernel::make_epoll_backend();
        default:
            throw;
        }
    }
}

} // namespace

std::unique_ptr<backend> make_backend(backend_kind kind) {
    if (kind == backend_kind::automatic) kind = demanded_by_environment();
    switch (kind) {
    case backend_kind::uring:
        return kernel::make_uring_backend();
    case backend_kind::epoll:
        return kernel::make_epoll_backend();
    case backend_kind::automatic:
        break;
    }
    return best_backend();
}

} // namespace weir

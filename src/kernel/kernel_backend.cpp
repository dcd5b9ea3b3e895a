// SPDX-License-Identifier: MIT
#include "kernel/kernel_backend.hpp"

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <system_error>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kernel/descriptors.hpp"
#include "kernel/or_error.hpp"
#include "kernel/processes.hpp"
#include "kernel/sockets.hpp"

namespace weir::kernel {

namespace {

constexpr std::size_t shared_block = 64 * 1024;

/// Opens the eventfd of `notify`, which is the first descriptor of a backend.
int open_event() noexcept {
    occupy_standard_streams();
    return ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

} // namespace

owned_fd::~owned_fd() {
    if (fd_ >= 0) ::close(fd_);
}

kernel_backend::kernel_backend(descriptors made) : made_{made}, event_{open_event()} {
    if (event() < 0) throw std::system_error{errno, std::system_category(), "weir: eventfd"};
}

void kernel_backend::notify() noexcept {
    if (pending_.exchange(true, std::memory_order_acq_rel)) return;
    const int saved = errno; // the caller may be a signal handler
    const std::uint64_t one = 1;
    while (::write(event(), &one, sizeof one) < 0 && errno == EINTR) {}
    errno = saved;
}

int kernel_backend::stream_socket(const endpoint& address) noexcept {
    const int family = static_cast<const sockaddr*>(address.data())->sa_family;
    const int fd = or_error(
        ::socket(family, SOCK_STREAM | SOCK_CLOEXEC | (made_ == descriptors::non_blocking ? SOCK_NONBLOCK : 0), 0));
    if (fd < 0) return fd;
    // Each write is sent without delay. Accepted sockets inherit the option from the listening socket.
    const int on = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return fd;
}

int kernel_backend::open_stream_socket(const endpoint& peer) { return stream_socket(peer); }

int kernel_backend::listen(const endpoint& local, int backlog) {
    const int fd = stream_socket(local);
    if (fd < 0) return fd;
    const int r = sockets().listen(fd, local, backlog);
    if (r < 0) ::close(fd);
    return r < 0 ? r : fd;
}

int kernel_backend::local_endpoint(int fd, endpoint& result) {
    socklen_t* size = result.resize(endpoint::capacity);
    return or_error(::getsockname(fd, static_cast<sockaddr*>(result.data()), size));
}

int kernel_backend::remote_endpoint(int fd, endpoint& result) {
    socklen_t* size = result.resize(endpoint::capacity);
    return or_error(::getpeername(fd, static_cast<sockaddr*>(result.data()), size));
}

int kernel_backend::shutdown_write(int fd) { return or_error(::shutdown(fd, SHUT_WR)); }

int kernel_backend::open_pipe(int& read_end, int& write_end) {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC | (made_ == descriptors::non_blocking ? O_NONBLOCK : 0)) < 0) return -errno;
    read_end = ends[0];
    write_end = ends[1];
    return 0;
}

std::int64_t kernel_backend::file_size(int fd) {
    struct stat status{};
    if (::fstat(fd, &status) < 0) return -errno;
    return status.st_size;
}

socket_system& kernel_backend::sockets() noexcept { return kernel_sockets(made_); }

std::shared_ptr<process_system> kernel_backend::processes() noexcept { return kernel_processes(made_); }

std::shared_ptr<descriptor_closer> kernel_backend::closer() noexcept { return kernel::closer(); }

int kernel_backend::receive_bytes(const io_request& request) noexcept {
    try {
        filler_.make_room(std::max(shared_block, request.size), request.size);
    } catch (const std::bad_alloc&) {
        return -ENOMEM;
    }
    const ssize_t got = ::recv(request.fd, filler_.room(), request.size, MSG_DONTWAIT);
    if (got < 0) return -errno;
    *static_cast<bytes*>(request.data) = filler_.take(static_cast<std::size_t>(got));
    return static_cast<int>(got);
}

int kernel_backend::open_flags(open_mode mode) noexcept {
    // A terminal that is opened as a file does not become the terminal of the process.
    constexpr int always = O_CLOEXEC | O_NOCTTY;
    switch (mode) {
    case open_mode::read:
        return always | O_RDONLY;
    case open_mode::write:
        return always | O_WRONLY | O_CREAT | O_TRUNC;
    case open_mode::append:
        return always | O_WRONLY | O_CREAT | O_APPEND;
    case open_mode::update:
        return always | O_RDWR;
    case open_mode::create:
        return always | O_RDWR | O_CREAT | O_EXCL;
    }
    return always;
}

} // namespace weir::kernel

// SPDX-License-Identifier: MIT
#include "kernel/sockets.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "kernel/or_error.hpp"

namespace weir::kernel {

namespace {

struct option_place {
    int level;
    int name;
};

bool is_ipv6(int fd) noexcept {
    int domain = 0;
    socklen_t size = sizeof domain;
    return ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) == 0 && domain == AF_INET6;
}

option_place place_of(int fd, socket_option option) noexcept {
    const auto by_family = [&](int four, int six) {
        return is_ipv6(fd) ? option_place{IPPROTO_IPV6, six} : option_place{IPPROTO_IP, four};
    };
    switch (option) {
    case socket_option::no_delay:
        return {IPPROTO_TCP, TCP_NODELAY};
    case socket_option::keep_alive:
        return {SOL_SOCKET, SO_KEEPALIVE};
    case socket_option::keep_alive_idle:
        return {IPPROTO_TCP, TCP_KEEPIDLE};
    case socket_option::keep_alive_interval:
        return {IPPROTO_TCP, TCP_KEEPINTVL};
    case socket_option::keep_alive_probes:
        return {IPPROTO_TCP, TCP_KEEPCNT};
    case socket_option::reuse_port:
        return {SOL_SOCKET, SO_REUSEPORT};
    case socket_option::broadcast:
        return {SOL_SOCKET, SO_BROADCAST};
    case socket_option::ttl:
        return by_family(IP_TTL, IPV6_UNICAST_HOPS);
    case socket_option::multicast_ttl:
        return by_family(IP_MULTICAST_TTL, IPV6_MULTICAST_HOPS);
    case socket_option::multicast_loop:
        return by_family(IP_MULTICAST_LOOP, IPV6_MULTICAST_LOOP);
    case socket_option::receive_buffer:
        return {SOL_SOCKET, SO_RCVBUF};
    case socket_option::send_buffer:
        return {SOL_SOCKET, SO_SNDBUF};
    }
    return {-1, -1};
}

/// Limits a size to the part of a file that is in memory from the file's position on, because sendfile would wait for
/// the disk. Looks at one byte in 64 KiB: the kernel reads files ahead in large parts.
std::size_t cached_size(int file, std::size_t most) noexcept {
    constexpr std::size_t step = 64 * 1024;
    const off_t position = ::lseek(file, 0, SEEK_CUR);
    if (position < 0) return most;
    for (std::size_t ahead = 0; ahead < most; ahead += step) {
        char byte = 0;
        const iovec one{&byte, 1};
        const off_t place = position + static_cast<off_t>(ahead);
        if (::preadv2(file, &one, 1, place, RWF_NOWAIT) < 0 && errno == EAGAIN) return ahead;
    }
    return most;
}

/// Suppresses SIGPIPE during a system call that has no MSG_NOSIGNAL, so that a closed peer is an error only.
/// The number of the first socket from a service manager.
constexpr int first_activated = 3;

class without_sigpipe {
public:
    without_sigpipe() noexcept {
        ::sigemptyset(&sigpipe_);
        ::sigaddset(&sigpipe_, SIGPIPE);
        sigset_t pending;
        ::sigpending(&pending);
        if (::sigismember(&pending, SIGPIPE) != 0) return; // a second SIGPIPE would merge with the pending one
        ::pthread_sigmask(SIG_BLOCK, &sigpipe_, &former_);
        blocked_ = true;
    }
    without_sigpipe(const without_sigpipe&) = delete;
    without_sigpipe& operator=(const without_sigpipe&) = delete;
    ~without_sigpipe() {
        if (!blocked_) return;
        const int saved = errno;
        const timespec at_once{};
        if (saved == EPIPE) {
            while (::sigtimedwait(&sigpipe_, nullptr, &at_once) < 0 && errno == EINTR) {}
        }
        ::pthread_sigmask(SIG_SETMASK, &former_, nullptr);
        errno = saved;
    }

private:
    sigset_t sigpipe_;
    sigset_t former_;
    bool blocked_ = false;
};

/// The identity of the file at a path.
struct file_identity {
    dev_t device = 0;
    ino_t inode = 0;

    bool find(const char* path) noexcept {
        struct stat status{};
        if (::lstat(path, &status) < 0) return false;
        device = status.st_dev;
        inode = status.st_ino;
        return true;
    }
    friend bool operator==(const file_identity&, const file_identity&) = default;
};

/// Closes a listening socket and removes its file, unless another file has replaced it.
class socket_file final : public descriptor_closer {
public:
    explicit socket_file(std::string path) : path_{std::move(path)} { found_ = file_.find(path_.c_str()); }

    void opened(int fd) noexcept override { kernel::closer()->opened(fd); }
    void close(int fd) noexcept override {
        if (file_identity now; found_ && now.find(path_.c_str()) && now == file_) ::unlink(path_.c_str());
        kernel::closer()->close(fd);
    }

private:
    std::string path_;
    file_identity file_;
    bool found_;
};

/// Whether a descriptor is open since the program started. Those that this program has opened, such as the executor's,
/// are closed when another program starts.
bool was_passed(int fd) noexcept {
    const int flags = ::fcntl(fd, F_GETFD);
    return flags >= 0 && (flags & FD_CLOEXEC) == 0;
}

class sockets final : public socket_system {
public:
    explicit sockets(descriptors made) noexcept : made_{made} {}

    int set_option(int fd, socket_option option, int value) override {
        const option_place place = place_of(fd, option);
        if (::setsockopt(fd, place.level, place.name, &value, sizeof value) < 0) return -errno;
        if (option != socket_option::receive_buffer && option != socket_option::send_buffer) return 0;
        // The kernel silently reduces the value to its limit, and doubles it for its own use.
        int got = 0;
        socklen_t size = sizeof got;
        if (::getsockopt(fd, place.level, place.name, &got, &size) < 0) return -errno;
        return got / 2 < value ? -ENOBUFS : 0;
    }

    int listen(int fd, const endpoint& local, int backlog) override {
        const int on = 1;
        if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0) return -errno;
        if (::bind(fd, static_cast<const sockaddr*>(local.data()), local.size()) < 0) return -errno;
        return or_error(::listen(fd, backlog));
    }

    int check_tcp(int fd) override {
        int protocol = 0;
        socklen_t size = sizeof protocol;
        if (::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) < 0) return -errno;
        return protocol == IPPROTO_TCP ? 0 : -EPROTOTYPE;
    }

    int check_unix_listener(int fd, unix_address& local) override {
        int listens = 0;
        socklen_t size = sizeof listens;
        if (::getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listens, &size) < 0) return -errno;
        sockaddr_un bound{};
        socklen_t length = sizeof bound;
        if (::getsockname(fd, reinterpret_cast<sockaddr*>(&bound), &length) < 0) return -errno;
        if (bound.sun_family != AF_UNIX || listens == 0) return -EPROTOTYPE;
        const std::string_view name{bound.sun_path, length - offsetof(sockaddr_un, sun_path)};
        if (name.empty()) return -EPROTOTYPE;
        local = name.front() == '\0' ? unix_address::abstract(name.substr(1)) : unix_address{bound.sun_path};
        return 0;
    }

    // As sd_listen_fds(3) does, and closes what was passed when the number is wrong.
    int take_activated(int& first, std::string& names) override {
        const auto take = [](const char* variable) {
            const char* const value = std::getenv(variable);
            std::string text = value != nullptr ? value : "";
            ::unsetenv(variable);
            return text;
        };
        const char* const recipient = std::getenv("LISTEN_PID");
        if (recipient == nullptr || recipient != std::to_string(::getpid())) return 0;
        take("LISTEN_PID");
        names = take("LISTEN_FDNAMES");
        const std::string number = take("LISTEN_FDS");
        int count = 0;
        const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), count);
        first = first_activated;
        if (error != std::errc{} || end != number.data() + number.size() || count < 0) return -EINVAL;
        rlimit most{};
        if (::getrlimit(RLIMIT_NOFILE, &most) == 0 && static_cast<rlim_t>(count) > most.rlim_cur) return -EINVAL;
        bool all_passed = true;
        for (int fd = first; fd - first != count; ++fd) all_passed = all_passed && was_passed(fd);
        for (int fd = first; fd - first != count; ++fd) {
            if (all_passed) {
                ::fcntl(fd, F_SETFD, FD_CLOEXEC);
            } else if (was_passed(fd)) {
                ::close(fd);
            }
        }
        return all_passed ? count : -EBADF;
    }

    int set_membership(int fd, const endpoint& group, const char* interface, membership what) override {
        const bool named = *interface != '\0';
        const unsigned number = named ? ::if_nametoindex(interface) : 0;
        if (named && number == 0) return -errno;
        const auto* const address = static_cast<const sockaddr*>(group.data());
        const bool six = address->sa_family == AF_INET6;
        group_req request{};
        request.gr_interface = number;
        if (six && !named) request.gr_interface = static_cast<const sockaddr_in6*>(group.data())->sin6_scope_id;
        std::memcpy(&request.gr_group, address, group.size());
        const int level = six ? IPPROTO_IPV6 : IPPROTO_IP;
        const int option = what == membership::join ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP;
        if (::setsockopt(fd, level, option, &request, sizeof request) < 0) return -errno;
        if (what == membership::leave || !named) return 0;
        // What this socket sends to a group leaves by the same interface.
        ip_mreqn four{};
        four.imr_ifindex = static_cast<int>(number);
        return or_error(six ? ::setsockopt(fd, level, IPV6_MULTICAST_IF, &number, sizeof number)
                            : ::setsockopt(fd, level, IP_MULTICAST_IF, &four, sizeof four));
    }

    int open_datagram_socket(const endpoint& like) override {
        return open(static_cast<const sockaddr*>(like.data())->sa_family, SOCK_DGRAM);
    }
    int bind(int fd, const endpoint& local) override {
        return or_error(::bind(fd, static_cast<const sockaddr*>(local.data()), local.size()));
    }
    int connect(int fd, const endpoint& peer) override {
        return or_error(::connect(fd, static_cast<const sockaddr*>(peer.data()), peer.size()));
    }

    int listen_unix(const unix_address& local, int backlog, unsigned permissions,
                    std::shared_ptr<descriptor_closer>& closer) override {
        const int fd = open(AF_UNIX, SOCK_STREAM);
        if (fd < 0) return fd;
        // The permissions are set before bind, so that the file is created with them.
        if (::fchmod(fd, permissions) < 0 || ::bind(fd, static_cast<const sockaddr*>(local.data()), local.size()) < 0) {
            return give_up(fd);
        }
        closer = kernel::closer();
        try {
            if (std::string path = local.path(); !path.empty()) closer = std::make_shared<socket_file>(std::move(path));
        } catch (...) {
            closer->close(fd);
            throw;
        }
        if (::listen(fd, backlog) < 0) {
            const int error = errno;
            closer->close(fd);
            return -error;
        }
        return fd;
    }

    int remove_socket(const unix_address& at) override {
        const std::string path = at.path();
        struct stat status{};
        if (::lstat(path.c_str(), &status) < 0) return -errno;
        if (!S_ISSOCK(status.st_mode)) return -ENOTSOCK;
        return or_error(::unlink(path.c_str()));
    }

    int connect_unix(const unix_address& peer) override {
        // A blocking connect would wait for room in the backlog. No event reports that room.
        const int fd = or_error(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
        if (fd < 0) return fd;
        if (::connect(fd, static_cast<const sockaddr*>(peer.data()), peer.size()) < 0) return give_up(fd);
        if (made_ == descriptors::blocking && ::fcntl(fd, F_SETFL, O_RDWR) < 0) return give_up(fd);
        return fd;
    }

    int unix_pair(int& one, int& other) override {
        int ends[2];
        if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | mode(), 0, ends) < 0) return -errno;
        one = ends[0];
        other = ends[1];
        return 0;
    }

    int send_file(int socket, int file, std::size_t most) noexcept override {
        // On a blocking socket, sendfile would block the executor. The io_uring backend opens only such sockets, and
        // its reads of files do not block.
        const int flags = made_ == descriptors::non_blocking ? ::fcntl(socket, F_GETFL) : 0;
        if (flags < 0 || (flags & O_NONBLOCK) == 0) return -ENOSYS;
        const std::size_t size = cached_size(file, most);
        if (size == 0) return -EAGAIN; // a read of the next block does not block the executor
        const without_sigpipe guard;
        return or_error(::sendfile(socket, file, nullptr, size));
    }

private:
    int mode() const noexcept { return made_ == descriptors::non_blocking ? SOCK_NONBLOCK : 0; }
    int open(int family, int type) const noexcept {
        return or_error(::socket(family, type | SOCK_CLOEXEC | mode(), 0));
    }

    static int give_up(int fd) noexcept {
        const int error = errno;
        ::close(fd);
        return -error;
    }

    const descriptors made_;
};

sockets blocking_sockets{descriptors::blocking};
sockets non_blocking_sockets{descriptors::non_blocking};

} // namespace

socket_system& kernel_sockets(descriptors made) noexcept {
    return made == descriptors::blocking ? blocking_sockets : non_blocking_sockets;
}

} // namespace weir::kernel

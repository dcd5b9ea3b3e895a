// SPDX-License-Identifier: MIT
#include "echo_servers.hpp"
#include "remote.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <unordered_map>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WEIR_HAVE_URING
#include "raw_uring.hpp"
#endif

namespace bench {

#ifdef WEIR_HAVE_URING

namespace {

class uring_server : raw_uring {
public:
    uring_server(int listener, std::size_t message, bool on_demand)
        : raw_uring{listener, count, std::bit_ceil(std::max<std::size_t>(message, 1024))}, on_demand_{on_demand} {}

    [[noreturn]] void serve() {
        run(accepted, [this](const io_uring_cqe& cqe) { answer(cqe); });
    }

private:
    static constexpr unsigned count = 512; // buffers
    enum kind : std::uint64_t { accepted = 1, received, sent };

    void receive(int fd) {
        io_uring_sqe* sqe = entry();
        if (on_demand_) {
            io_uring_prep_recv(sqe, fd, nullptr, buffer_size(), 0);
            sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
        } else {
            io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
        }
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = 0;
        sqe->user_data = received | static_cast<std::uint64_t>(fd) << 4;
    }
    void send(int fd, unsigned id, unsigned offset, unsigned size) {
        sizes_[id] = size;
        io_uring_sqe* sqe = entry();
        io_uring_prep_send(sqe, fd, buffer(id) + offset, size - offset, MSG_NOSIGNAL);
        sqe->user_data = sent | static_cast<std::uint64_t>(fd) << 4 | static_cast<std::uint64_t>(id) << 28 |
                         static_cast<std::uint64_t>(offset) << 40;
    }

    void answer(const io_uring_cqe& cqe) {
        const auto what = static_cast<kind>(cqe.user_data & 15);
        const int fd = static_cast<int>(cqe.user_data >> 4 & 0xffffff);
        const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
        switch (what) {
        case accepted:
            if (cqe.res >= 0) receive(cqe.res);
            if (!more) accept(accepted);
            break;
        case received:
            if (cqe.res > 0) send(fd, cqe.flags >> IORING_CQE_BUFFER_SHIFT, 0, static_cast<unsigned>(cqe.res));
            if (cqe.res == 0 || (cqe.res < 0 && cqe.res != -ENOBUFS)) {
                ::close(fd);
            } else if (!more && (!on_demand_ || cqe.res < 0)) {
                receive(fd);
            }
            break;
        case sent: {
            const auto id = static_cast<unsigned>(cqe.user_data >> 28 & 0xfff);
            const auto begin = static_cast<unsigned>(cqe.user_data >> 40);
            const unsigned size = sizes_[id];
            if (cqe.res > 0 && begin + static_cast<unsigned>(cqe.res) < size) {
                send(fd, id, begin + static_cast<unsigned>(cqe.res), size);
            } else {
                give_back(id);
                if (on_demand_) receive(fd);
            }
            break;
        }
        }
    }

    bool on_demand_;
    std::array<unsigned, count> sizes_{};
};

} // namespace

bool have_uring() noexcept {
    io_uring ring{};
    if (io_uring_queue_init(8, &ring, IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN) != 0) return false;
    io_uring_queue_exit(&ring);
    return true;
}

namespace {

bool echo(const ready_function& ready, std::size_t message, bool on_demand) {
    std::uint16_t port = 0;
    const int listener = listen_here(port);
    const auto server = std::make_unique<uring_server>(listener, message, on_demand);
    ready(port);
    server->serve();
    return true;
}

} // namespace

bool raw_uring_echo(const ready_function& ready, std::size_t message) { return echo(ready, message, false); }
bool raw_uring_echo_on_demand(const ready_function& ready, std::size_t message) { return echo(ready, message, true); }

#else

bool have_uring() noexcept { return false; }
bool raw_uring_echo(const ready_function&, std::size_t) { return false; }
bool raw_uring_echo_on_demand(const ready_function&, std::size_t) { return false; }

#endif

void raw_epoll_echo(const ready_function& ready, std::size_t message) {
    std::uint16_t port = 0;
    const int listener = listen_here(port);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    const auto watch = [&](int fd, std::uint32_t what, int operation) {
        epoll_event e{};
        e.events = what;
        e.data.fd = fd;
        if (::epoll_ctl(epoll, operation, fd, &e) != 0) throw std::runtime_error{"epoll_ctl"};
    };
    watch(listener, EPOLLIN, EPOLL_CTL_ADD);
    ready(port);

    std::vector<char> buffer(std::bit_ceil(std::max<std::size_t>(message, 1024)));
    std::unordered_map<int, std::string> unsent;
    std::array<epoll_event, 256> events;
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int fd = events[static_cast<std::size_t>(i)].data.fd;
            if (fd == listener) {
                const int client = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (client >= 0) watch(client, EPOLLIN, EPOLL_CTL_ADD);
                continue;
            }
            if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
                std::string& rest = unsent[fd];
                const ssize_t n = ::send(fd, rest.data(), rest.size(), MSG_NOSIGNAL);
                if (n > 0) rest.erase(0, static_cast<std::size_t>(n));
                if (rest.empty()) watch(fd, EPOLLIN, EPOLL_CTL_MOD);
                continue;
            }
            const ssize_t got = ::recv(fd, buffer.data(), buffer.size(), 0);
            if (got <= 0) {
                if (got == 0 || errno != EAGAIN) ::close(fd);
                continue;
            }
            const ssize_t n = ::send(fd, buffer.data(), static_cast<std::size_t>(got), MSG_NOSIGNAL);
            if (n == got) continue;
            unsent[fd].assign(buffer.data() + std::max<ssize_t>(n, 0), buffer.data() + got);
            watch(fd, EPOLLOUT, EPOLL_CTL_MOD);
        }
    }
}

} // namespace bench

#include "echo_servers.hpp"
#include "remote.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>
#include <unordered_map>
#include <vector>

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#ifdef WEIR_HAVE_URING
#include <liburing.h>
#endif

namespace bench {

#ifdef WEIR_HAVE_URING

namespace {

class uring_server {
public:
    uring_server(int listener, std::size_t message, bool on_demand)
        : listener_{listener},
          on_demand_{on_demand},
          size_{static_cast<unsigned>(std::bit_ceil(std::max<std::size_t>(message, 1024)))} {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 4096;
        check(io_uring_queue_init_params(256, &ring_, &params), "io_uring_setup");

        const std::size_t ring_size = count * sizeof(io_uring_buf);
        buffers_ = static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, ring_size));
        memory_ = static_cast<char*>(std::aligned_alloc(4096, count * size_));
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
        registration.ring_entries = count;
        check(io_uring_register_buf_ring(&ring_, &registration, 0), "io_uring_register");
        io_uring_buf_ring_init(buffers_);
        for (unsigned i = 0; i != count; ++i) give_back(i);
    }

    void run() {
        accept();
        for (;;) {
            io_uring_submit_and_wait(&ring_, 1);
            unsigned head = 0;
            unsigned seen = 0;
            io_uring_cqe* cqe = nullptr;
            io_uring_for_each_cqe(&ring_, head, cqe) {
                answer(*cqe);
                ++seen;
            }
            io_uring_cq_advance(&ring_, seen);
        }
    }

private:
    static constexpr unsigned count = 512; // buffers
    enum kind : std::uint64_t { accepted = 1, received, sent };

    static void check(int result, const char* what) {
        if (result < 0) throw std::system_error{-result, std::system_category(), what};
    }
    char* buffer(unsigned id) const { return memory_ + std::size_t{id} * size_; }

    void give_back(unsigned id) {
        io_uring_buf_ring_add(buffers_, buffer(id), size_, static_cast<unsigned short>(id),
                              io_uring_buf_ring_mask(count), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }
    io_uring_sqe* entry(kind what, int fd, unsigned id, unsigned offset) {
        io_uring_sqe* sqe = io_uring_get_sqe(&ring_);
        if (sqe == nullptr) {
            io_uring_submit(&ring_);
            sqe = io_uring_get_sqe(&ring_);
        }
        sqe->user_data = 0;
        data_ = what | static_cast<std::uint64_t>(fd) << 4 | static_cast<std::uint64_t>(id) << 28 |
                static_cast<std::uint64_t>(offset) << 40;
        return sqe;
    }
    void accept() {
        io_uring_sqe* sqe = entry(accepted, listener_, 0, 0);
        io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        sqe->user_data = data_;
    }
    void receive(int fd) {
        io_uring_sqe* sqe = entry(received, fd, 0, 0);
        if (on_demand_) {
            io_uring_prep_recv(sqe, fd, nullptr, size_, 0);
            sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
        } else {
            io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
        }
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = 0;
        sqe->user_data = data_;
    }
    void send(int fd, unsigned id, unsigned offset, unsigned size) {
        sizes_[id] = size;
        io_uring_sqe* sqe = entry(sent, fd, id, offset);
        io_uring_prep_send(sqe, fd, buffer(id) + offset, size - offset, MSG_NOSIGNAL);
        sqe->user_data = data_;
    }

    void answer(const io_uring_cqe& cqe) {
        const auto what = static_cast<kind>(cqe.user_data & 15);
        const int fd = static_cast<int>(cqe.user_data >> 4 & 0xffffff);
        const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
        switch (what) {
        case accepted:
            if (cqe.res >= 0) receive(cqe.res);
            if (!more) accept();
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

    int listener_;
    bool on_demand_;
    unsigned size_;
    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    char* memory_ = nullptr;
    std::uint64_t data_ = 0;
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
    server->run();
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

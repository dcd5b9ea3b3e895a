// SPDX-License-Identifier: MIT
#include "crowd_servers.hpp"
#include "remote.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <utility>
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

class uring_crowd : raw_uring {
public:
    explicit uring_crowd(int listener) : raw_uring{listener, 256, crowd_message} {}

    [[noreturn]] void serve() {
        run(accepted, [this](const io_uring_cqe& cqe) { answer(cqe); });
    }

private:
    enum kind : std::uint64_t { accepted = 1, received, sent };

    void receive(int fd) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_recv_multishot(sqe, fd, nullptr, 0, 0);
        sqe->flags |= IOSQE_BUFFER_SELECT;
        sqe->buf_group = 0;
        sqe->user_data = received | static_cast<std::uint64_t>(fd) << 4;
    }
    void send(int fd) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_send(sqe, fd, message_.data(), message_.size(), MSG_NOSIGNAL);
        sqe->user_data = sent;
    }

    void answer(const io_uring_cqe& cqe) {
        const auto what = static_cast<kind>(cqe.user_data & 15);
        const int fd = static_cast<int>(cqe.user_data >> 4);
        const bool more = (cqe.flags & IORING_CQE_F_MORE) != 0;
        if (what == accepted) {
            if (cqe.res >= 0) {
                const auto place = static_cast<std::size_t>(cqe.res);
                if (clients_.size() <= place) clients_.resize(place + 1);
                clients_[place] = true;
                receive(cqe.res);
            }
            if (!more) accept(accepted);
        } else if (what == received) {
            if (cqe.res > 0) {
                const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
                std::copy_n(buffer(id), message_.size(), message_.begin());
                give_back(id);
                obey();
            }
            if (cqe.res == 0 || (cqe.res < 0 && cqe.res != -ENOBUFS)) {
                clients_[static_cast<std::size_t>(fd)] = false;
                ::close(fd);
            } else if (!more) {
                receive(fd);
            }
        }
    }
    void obey() {
        for (std::size_t fd = 0; fd != clients_.size(); ++fd) {
            if (!clients_[fd]) continue;
            if (message_[0] == crowd_leaves) {
                ::shutdown(static_cast<int>(fd), SHUT_RDWR); // this ends its receive
            } else {
                send(static_cast<int>(fd));
            }
        }
    }

    std::array<char, crowd_message> message_{};
    std::vector<bool> clients_; // by descriptor
};

} // namespace

bool raw_uring_crowd(const ready_function& ready) {
    std::uint16_t port = 0;
    const int listener = listen_here(port);
    const auto server = std::make_unique<uring_crowd>(listener);
    ready(port);
    server->serve();
    return true;
}

#else

bool raw_uring_crowd(const ready_function&) { return false; }

#endif

void raw_epoll_crowd(const ready_function& ready) {
    struct connection {
        int fd;
        std::size_t place;
        std::array<char, crowd_message> message;
    };
    std::uint16_t port = 0;
    const int listener = listen_here(port);
    const int epoll = ::epoll_create1(EPOLL_CLOEXEC);
    std::vector<std::unique_ptr<connection>> clients;
    const auto watch = [&](int fd, connection* which) {
        epoll_event e{};
        e.events = EPOLLIN;
        e.data.ptr = which;
        if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &e) != 0) throw std::runtime_error{"epoll_ctl"};
    };
    watch(listener, nullptr);
    ready(port);

    std::array<epoll_event, 256> events;
    for (;;) {
        const int count = ::epoll_wait(epoll, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            auto* const from = static_cast<connection*>(events[static_cast<std::size_t>(i)].data.ptr);
            if (from == nullptr) {
                const int fd = ::accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
                if (fd < 0) continue;
                clients.push_back(std::make_unique<connection>(connection{fd, clients.size(), {}}));
                watch(fd, clients.back().get());
                continue;
            }
            const ssize_t got = ::recv(from->fd, from->message.data(), from->message.size(), 0);
            if (got <= 0) {
                if (got < 0 && errno == EAGAIN) continue;
                ::close(from->fd);
                clients.back()->place = from->place;
                std::swap(clients[from->place], clients.back());
                clients.pop_back();
            } else if (from->message[0] == crowd_leaves) {
                for (const auto& client : clients) ::close(client->fd);
                clients.clear();
                break; // the other events may belong to the dropped connections
            } else {
                for (const auto& client : clients) {
                    ::send(client->fd, from->message.data(), from->message.size(), MSG_NOSIGNAL);
                }
            }
        }
    }
}

} // namespace bench

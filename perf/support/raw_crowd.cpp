#include "crowd_servers.hpp"
#include "remote.hpp"

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <system_error>
#include <utility>
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

class uring_crowd {
public:
    explicit uring_crowd(int listener) : listener_{listener} {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 4096;
        check(io_uring_queue_init_params(256, &ring_, &params), "io_uring_setup");
        buffers_ = static_cast<io_uring_buf_ring*>(std::aligned_alloc(4096, 4096));
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
    static constexpr unsigned count = 256; // buffers
    enum kind : std::uint64_t { accepted = 1, received, sent };

    static void check(int result, const char* what) {
        if (result < 0) throw std::system_error{-result, std::system_category(), what};
    }
    void give_back(unsigned id) {
        io_uring_buf_ring_add(buffers_, memory_[id].data(), crowd_message, static_cast<unsigned short>(id),
                              io_uring_buf_ring_mask(count), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }
    io_uring_sqe* entry() {
        for (;;) {
            if (io_uring_sqe* sqe = io_uring_get_sqe(&ring_)) return sqe;
            io_uring_submit(&ring_);
        }
    }
    void accept() {
        io_uring_sqe* sqe = entry();
        io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        sqe->user_data = accepted;
    }
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
            if (!more) accept();
        } else if (what == received) {
            if (cqe.res > 0) {
                const unsigned id = cqe.flags >> IORING_CQE_BUFFER_SHIFT;
                message_ = memory_[id];
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
                ::shutdown(static_cast<int>(fd), SHUT_RDWR); // its receive then ends
            } else {
                send(static_cast<int>(fd));
            }
        }
    }

    int listener_;
    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    std::array<std::array<char, crowd_message>, count> memory_{};
    std::array<char, crowd_message> message_{};
    std::vector<bool> clients_; // by their descriptors
};

} // namespace

bool raw_uring_crowd(const ready_function& ready) {
    std::uint16_t port = 0;
    const int listener = listen_here(port);
    const auto server = std::make_unique<uring_crowd>(listener);
    ready(port);
    server->run();
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
                break; // the other events may be theirs
            } else {
                for (const auto& client : clients) {
                    ::send(client->fd, from->message.data(), from->message.size(), MSG_NOSIGNAL);
                }
            }
        }
    }
}

} // namespace bench

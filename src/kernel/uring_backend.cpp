// SPDX-License-Identifier: MIT
#include "kernel/uring_backend.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <liburing.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <weir/io/bytes.hpp>

#include "kernel/fifo_opens.hpp"
#include "kernel/kernel_backend.hpp"
#include "kernel/message.hpp"
#include "kernel/uring_blocks.hpp"

namespace weir::kernel {

namespace {

// The values of a completion's user_data: `nobody`, `notification`, `fifos_changed`, the address of an operation, or
// the mark of a sync or a close. The bit `readiness` is set in the address while the operation waits for its descriptor
// to become ready. A sync and a close use no memory of their operation, so that a dropped one is not waited for: the
// mark is the position of the request.
constexpr std::uint64_t nobody = 0;
constexpr std::uint64_t notification = 2;
constexpr std::uint64_t fifos_changed = 3;
constexpr std::uint64_t readiness = 1;
constexpr std::uint64_t sync_bit = 4;
constexpr std::uint64_t sync_mark(std::uint64_t position) noexcept { return position << 3U | sync_bit; }
constexpr bool is_marked(io_request::kind what) noexcept {
    return what == io_request::kind::sync || what == io_request::kind::close;
}

// backend_data of an operation: the position of its last request in the order of submission, and flags.
constexpr std::uint64_t in_backlog = UINT64_MAX;
constexpr std::uint64_t awaits_readiness = std::uint64_t{1} << 63;
// The last receive of this operation left nothing to be received.
constexpr std::uint64_t drained = std::uint64_t{1} << 62;

io_uring open_ring(const uring_limits& limits) {
    // The first choice that the kernel supports. A ring that starts disabled belongs to the thread that enables it,
    // which may be another thread than the one that constructs the executor.
    constexpr unsigned choices[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED |
            IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_COOP_TASKRUN | IORING_SETUP_TASKRUN_FLAG | IORING_SETUP_R_DISABLED | IORING_SETUP_SUBMIT_ALL,
        IORING_SETUP_R_DISABLED,
    };
    // EXT_ARG for the time limit of a wait; RSRC_TAGS because it appeared with multishot polls, in Linux 5.13.
    constexpr unsigned needed = IORING_FEAT_NODROP | IORING_FEAT_RW_CUR_POS | IORING_FEAT_FAST_POLL |
                                IORING_FEAT_EXT_ARG | IORING_FEAT_RSRC_TAGS;
    int error = 0;
    for (const unsigned flags : std::span{choices}.subspan(limits.older)) {
        io_uring ring{};
        io_uring_params params{};
        params.flags = flags | IORING_SETUP_CQSIZE;
        params.cq_entries = limits.completions;
        error = -io_uring_queue_init_params(limits.submissions, &ring, &params);
        if (error == EINVAL) continue;
        if (error != 0) break;
        if ((params.features & needed) == needed) return ring;
        io_uring_queue_exit(&ring);
        error = EINVAL;
        break;
    }
    throw std::system_error{error, std::system_category(), "weir: io_uring_setup"};
}

class ring {
public:
    explicit ring(const uring_limits& limits) : ring_{open_ring(limits)} {}
    ring(const ring&) = delete;
    ring& operator=(const ring&) = delete;
    ~ring() { close(); }

    io_uring* get() noexcept { return &ring_; }
    bool closed() const noexcept { return closed_; }
    void close() noexcept {
        if (!std::exchange(closed_, true)) io_uring_queue_exit(&ring_);
    }

private:
    io_uring ring_;
    bool closed_ = false;
};

/// I/O by completion. Requests are put on a ring that is shared with the kernel, and answers are taken from another
/// ring. One system call per turn submits all new requests and waits for answers.
class uring_backend final : public kernel_backend {
public:
    explicit uring_backend(const uring_limits& limits)
        : kernel_backend{descriptors::blocking},
          small_{0, small_receive, limits.blocks},
          large_{1, large_receive, limits.blocks},
          ring_{limits},
          lends_blocks_{limits.blocks != 0} {}
    ~uring_backend() override { WEIR_ASSERT(in_flight_ == 0, "an I/O operation outlives its executor"); }

    std::string_view name() const noexcept override { return "uring"; }
    void start(io_operation& operation) override;
    void cancel(io_operation& operation) noexcept override;
    void wait(time_point until) override;
    int pollable() override;
    std::size_t in_flight() const noexcept override { return in_flight_; }

private:
    void enable();
    io_uring_sqe* entry() noexcept;
    bool push(io_operation& operation) noexcept;
    void keep(io_operation& operation) noexcept;
    void prepare_open(io_uring_sqe* sqe, const io_operation& operation) noexcept;
    void prepare_poll(io_uring_sqe* sqe, io_operation& operation) noexcept;
    void push_backlog() noexcept;
    void watch_event() noexcept;
    void watch_fifos() noexcept;
    void clear_poller() noexcept;
    bool submitted(std::uint64_t place) noexcept { return place < prepared_ - io_uring_sq_ready(ring_.get()); }
    bool kernel_has_answers() noexcept;
    unsigned reap() noexcept;
    void answer(const io_uring_cqe& cqe) noexcept;
    void ready(io_operation& operation, int result) noexcept;
    void finish(io_operation& operation, int result) noexcept {
        --in_flight_;
        if (blocks(operation)) {
            std::erase(blocking_opens_, &operation);
            limit_workers();
        }
        if (is_marked(operation.request().what)) std::erase(syncs_, &operation);
        if (operation.request().what == io_request::kind::receive_message && result >= 0) {
            received(*static_cast<io_message*>(operation.request().data));
        }
        operation.complete(result);
    }

    void limit_workers() noexcept;
    bool blocks(const io_operation& operation) const noexcept;
    void opened(io_operation& operation, int result) noexcept;

    uring_blocks* blocks_for(std::size_t size) noexcept;
    void take_block(io_operation& operation, const io_uring_cqe& cqe) noexcept;

    // Declared before the ring, which is therefore closed first: until then the kernel may write to the blocks.
    uring_blocks small_;
    uring_blocks large_;
    ring ring_;
    bool lends_blocks_;
    // Requests that found the ring full while the kernel accepted no more.
    detail::intrusive_list<io_operation> backlog_;
    fifo_opens fifos_;
    // The opens that wait for a reader of a FIFO or for the end of a lease, each on a thread of the kernel.
    std::vector<const io_operation*> blocking_opens_;
    std::vector<io_operation*> syncs_; // and closes: those whose completion has a mark
    // One for each entry of the submission ring, from the first open with a directory on. The kernel reads it when it
    // takes the entry.
    std::vector<open_how> hows_;
    // Where another loop waits for this backend.
    std::optional<owned_fd> progress_;
    std::optional<owned_fd> poller_;
    io_operation* cancelling_ = nullptr;
    std::uint64_t prepared_ = 0;
    std::size_t in_flight_ = 0;
    bool enabled_ = false;
    bool event_watched_ = false;
    bool fifos_watched_ = false;
};

/// Returns the events to wait for before a request on a descriptor in non-blocking mode.
short awaited_events(const io_request& request) noexcept { return request.waits_for_writable() ? POLLOUT : POLLIN; }

/// Closes the descriptor of a close that the kernel will not see.
void close_now(const io_operation& operation) noexcept {
    if (operation.request().what == io_request::kind::close) ::close(operation.request().fd);
}

void enable_ring(io_uring& ring) {
    // A system call, because the shared library of liburing 2.3 lacks its function for this.
    if (::syscall(SYS_io_uring_register, ring.ring_fd, IORING_REGISTER_ENABLE_RINGS, nullptr, 0) < 0) {
        throw std::system_error{errno, std::system_category(), "weir: io_uring_register"};
    }
}

void uring_backend::enable() {
    enable_ring(*ring_.get());
    enabled_ = true;
    limit_workers();
}

/// Sets the number of kernel threads for the files of this thread. The kernel has set it to the size of the thread's
/// first ring, which may be 1. An open that waits for the reader of a FIFO occupies a thread and does not count.
void uring_backend::limit_workers() noexcept {
    constexpr unsigned file_workers = 8;
    std::array<unsigned, 2> limits{file_workers + static_cast<unsigned>(blocking_opens_.size()), 0};
    // Older kernels have no such call.
    static_cast<void>(::syscall(SYS_io_uring_register, ring_.get()->ring_fd, IORING_REGISTER_IOWQ_MAX_WORKERS,
                                limits.data(), limits.size()));
}

/// Returns a free entry of the submission ring, or null when the ring is full and the kernel accepts no more.
io_uring_sqe* uring_backend::entry() noexcept {
    io_uring_sqe* sqe = io_uring_get_sqe(ring_.get());
    if (sqe == nullptr && enabled_) {
        io_uring_submit(ring_.get());
        sqe = io_uring_get_sqe(ring_.get());
    }
    if (sqe != nullptr) ++prepared_;
    return sqe;
}

bool uring_backend::push(io_operation& operation) noexcept {
    io_uring_sqe* sqe = entry();
    if (sqe == nullptr) return false;
    const io_request& request = operation.request();
    const auto size = static_cast<unsigned>(at_most(request.size));
    switch (request.what) {
    case io_request::kind::read:
        io_uring_prep_read(sqe, request.fd, request.data, size, static_cast<std::uint64_t>(request.offset));
        break;
    case io_request::kind::write:
        io_uring_prep_write(sqe, request.fd, request.data, size, static_cast<std::uint64_t>(request.offset));
        break;
    case io_request::kind::receive:
        io_uring_prep_recv(sqe, request.fd, request.data, size, 0);
        break;
    case io_request::kind::receive_bytes:
        if (uring_blocks* blocks = blocks_for(request.size)) {
            io_uring_prep_recv(sqe, request.fd, nullptr, std::min(request.size, blocks->block_size()), 0);
            sqe->flags |= IOSQE_BUFFER_SELECT;
            // An immediate attempt would most likely find nothing.
            if ((operation.backend_data & drained) != 0) sqe->ioprio |= IORING_RECVSEND_POLL_FIRST;
            sqe->buf_group = blocks->group();
            break;
        }
        prepare_poll(sqe, operation);
        return true;
    case io_request::kind::send:
        io_uring_prep_send(sqe, request.fd, request.data, size, MSG_NOSIGNAL);
        break;
    case io_request::kind::accept:
        if (request.address != nullptr) {
            io_uring_prep_accept(sqe, request.fd, static_cast<sockaddr*>(request.address->data()),
                                 request.address->resize(endpoint::capacity), SOCK_CLOEXEC);
        } else {
            io_uring_prep_accept(sqe, request.fd, nullptr, nullptr, SOCK_CLOEXEC);
        }
        break;
    case io_request::kind::connect:
        io_uring_prep_connect(sqe, request.fd, static_cast<const sockaddr*>(request.address->data()),
                              request.address->size());
        break;
    case io_request::kind::open:
        prepare_open(sqe, operation);
        break;
    case io_request::kind::sync:
    case io_request::kind::close:
        if (request.what == io_request::kind::sync) {
            io_uring_prep_fsync(sqe, request.fd, 0);
        } else {
            io_uring_prep_close(sqe, request.fd);
        }
        try {
            syncs_.push_back(&operation);
        } catch (const std::bad_alloc&) {
            break;
        }
        operation.backend_data = prepared_ - 1;
        io_uring_sqe_set_data64(sqe, sync_mark(operation.backend_data));
        return true;
    case io_request::kind::readable:
    case io_request::kind::writable:
        io_uring_prep_poll_add(sqe, request.fd, static_cast<unsigned>(awaited_events(request)));
        break;
    case io_request::kind::send_message:
        io_uring_prep_sendmsg(sqe, request.fd, to_send(*static_cast<io_message*>(request.data)), MSG_NOSIGNAL);
        break;
    case io_request::kind::receive_message: {
        io_message& message = *static_cast<io_message*>(request.data);
        io_uring_prep_recvmsg(sqe, request.fd, to_receive(message), static_cast<unsigned>(receive_flags(message)));
        break;
    }
    }
    io_uring_sqe_set_data(sqe, &operation);
    operation.backend_data = prepared_ - 1;
    return true;
}

void uring_backend::start(io_operation& operation) {
    const io_request& request = operation.request();
    if (request.what == io_request::kind::close) renew(request.fd);
    if (ring_.closed()) [[unlikely]] {
        close_now(operation);
        return operation.complete(-ECANCELED);
    }
    if (request.reads() && start_read(operation, word_of(request.fd))) return;
    if (request.what == io_request::kind::open && request.fd >= 0 && hows_.empty()) {
        try {
            hows_.resize(ring_.get()->sq.ring_entries);
        } catch (const std::bad_alloc&) {
            return operation.complete(-ENOMEM);
        }
    }
    ++in_flight_;
    // Requests in the backlog keep their order.
    if (!backlog_.empty() || !push(operation)) keep(operation);
}

void uring_backend::keep(io_operation& operation) noexcept {
    operation.backend_data = in_backlog;
    backlog_.push_back(operation);
}

/// Prepares an open that does not block: the kernel's threads are few. `opened` repeats it where it must wait.
void uring_backend::prepare_open(io_uring_sqe* sqe, const io_operation& operation) noexcept {
    const io_request& request = operation.request();
    const bool blocking = blocks(operation);
    const int flags = open_flags(request.mode) | (blocking ? 0 : O_NONBLOCK);
    if (request.fd < 0) {
        io_uring_prep_openat(sqe, AT_FDCWD, request.path(), flags, request.permissions);
        if (blocking) sqe->flags |= IOSQE_ASYNC;
        return;
    }
    const auto& sq = ring_.get()->sq;
    open_how& how = hows_[static_cast<std::size_t>(sqe - sq.sqes)];
    how = {};
    how.flags = static_cast<unsigned>(flags);
    how.mode = (flags & O_CREAT) != 0 ? request.permissions : 0;
    how.resolve = RESOLVE_BENEATH;
    io_uring_prep_openat2(sqe, request.fd, request.path(), &how);
    if (blocking) sqe->flags |= IOSQE_ASYNC;
}

void uring_backend::prepare_poll(io_uring_sqe* sqe, io_operation& operation) noexcept {
    io_uring_prep_poll_add(sqe, operation.request().fd, static_cast<unsigned>(awaited_events(operation.request())));
    io_uring_sqe_set_data64(sqe, reinterpret_cast<std::uintptr_t>(&operation) | readiness);
    operation.backend_data = (prepared_ - 1) | awaits_readiness;
}

void uring_backend::push_backlog() noexcept {
    while (!backlog_.empty()) {
        io_operation& next = backlog_.pop_front();
        if (push(next)) continue;
        next.backend_data = in_backlog;
        backlog_.push_front(next);
        return;
    }
}

void uring_backend::watch_event() noexcept {
    io_uring_sqe* sqe = entry();
    if (sqe == nullptr) return; // the next wait tries again
    io_uring_prep_poll_multishot(sqe, event(), POLLIN);
    io_uring_sqe_set_data64(sqe, notification);
    event_watched_ = true;
}

/// Asks for one answer when an open that waits for the writer of a FIFO is to be checked.
void uring_backend::watch_fifos() noexcept {
    io_uring_sqe* sqe = entry();
    if (sqe == nullptr) return; // the next wait tries again
    io_uring_prep_poll_add(sqe, fifos_.pollable(), POLLIN);
    io_uring_sqe_set_data64(sqe, fifos_changed);
    fifos_watched_ = true;
}

bool uring_backend::kernel_has_answers() noexcept {
    return (IO_URING_READ_ONCE(*ring_.get()->sq.kflags) & (IORING_SQ_TASKRUN | IORING_SQ_CQ_OVERFLOW)) != 0;
}

/// An epoll instance over two eventfds: that of `notify`, and one that the kernel writes when there are answers. The
/// descriptor of the ring would not do: with IORING_SETUP_DEFER_TASKRUN it becomes readable only when the thread has
/// entered the ring. Nor would the second alone: the kernel delays a write to an eventfd that a write to another
/// causes.
int uring_backend::pollable() {
    if (poller_) return poller_->get();
    progress_.emplace(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    poller_.emplace(::epoll_create1(EPOLL_CLOEXEC));
    epoll_event answers{};
    answers.events = EPOLLIN;
    epoll_event notifications{};
    notifications.events = EPOLLIN | EPOLLET;
    int r = -1;
    if (progress_->get() >= 0 && poller_->get() >= 0 &&
        ::epoll_ctl(poller_->get(), EPOLL_CTL_ADD, progress_->get(), &answers) == 0 &&
        ::epoll_ctl(poller_->get(), EPOLL_CTL_ADD, event(), &notifications) == 0) {
        r = io_uring_register_eventfd(ring_.get(), progress_->get());
    } else {
        r = -errno;
    }
    if (r < 0) {
        poller_.reset();
        progress_.reset();
        throw std::system_error{-r, std::system_category(), "weir: a descriptor for another loop"};
    }
    return poller_->get();
}

/// Makes the descriptor unreadable. To be called before the answers are taken: a later one makes it readable again.
void uring_backend::clear_poller() noexcept {
    std::array<epoll_event, 2> events;
    static_cast<void>(::epoll_wait(poller_->get(), events.data(), static_cast<int>(events.size()), 0));
    eventfd_t seen = 0;
    static_cast<void>(::eventfd_read(progress_->get(), &seen));
    notified();
}

void uring_backend::wait(time_point until) {
    if (!enabled_) enable();
    if (poller_) [[unlikely]]
        clear_poller();
    WEIR_ASSERT(!ring_.closed(), "an executor was used again after its thread had ended");
    if (!event_watched_) watch_event();
    if (!fifos_.empty() && !fifos_watched_) watch_fifos();
    small_.refill();
    large_.refill();
    if (!backlog_.empty()) push_backlog();

    int r = 0;
    io_uring_cqe* first = nullptr;
    if (until == time_point::max()) {
        r = io_uring_submit_and_wait_timeout(ring_.get(), &first, 1, nullptr, nullptr);
    } else if (const duration left = until - now(); left > duration::zero()) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
        __kernel_timespec limit{seconds.count(), (left - seconds).count()};
        r = io_uring_submit_and_wait_timeout(ring_.get(), &first, 1, &limit, nullptr);
    } else if (io_uring_sq_ready(ring_.get()) != 0 || kernel_has_answers()) {
        r = io_uring_submit_and_get_events(ring_.get());
    }
    switch (-r) {
    case ETIME:
    case EINTR:
    case EAGAIN: // the kernel has no memory for a request now
    case EBUSY:  // answers must be taken before the kernel accepts more
        r = 0;
        break;
    default:
        break;
    }
    if (r < 0) {
        throw std::system_error{-r, std::system_category(),
                                r == -EEXIST ? "weir: an executor runs on one thread only" : "weir: io_uring_enter"};
    }
    reap();
    // The kernel has left some for later, and does not say so again.
    if (poller_ && kernel_has_answers()) [[unlikely]]
        static_cast<void>(::eventfd_write(progress_->get(), 1));
}

unsigned uring_backend::reap() noexcept {
    unsigned head = 0;
    unsigned count = 0;
    io_uring_cqe* cqe = nullptr;
    io_uring_for_each_cqe(ring_.get(), head, cqe) {
        answer(*cqe);
        ++count;
    }
    io_uring_cq_advance(ring_.get(), count);
    return count;
}

void uring_backend::answer(const io_uring_cqe& cqe) noexcept {
    const std::uint64_t data = io_uring_cqe_get_data64(&cqe);
    if (data == nobody) return;
    if (data == notification) {
        notified();
        if ((cqe.flags & IORING_CQE_F_MORE) == 0) event_watched_ = false;
        return;
    }
    if (data == fifos_changed) {
        fifos_watched_ = false;
        return fifos_.check([this](io_operation& operation, int fd) { finish(operation, fd); });
    }
    if ((data & sync_bit) != 0) {
        const auto of = [&](const io_operation* sync) { return sync_mark(sync->backend_data) == data; };
        if (const auto at = std::ranges::find_if(syncs_, of); at != syncs_.end()) finish(**at, cqe.res);
        return;
    }
    io_operation& operation = *reinterpret_cast<io_operation*>(data & ~readiness);
    int result = cqe.res;
    if ((cqe.flags & IORING_CQE_F_BUFFER) != 0) take_block(operation, cqe);
    if ((data & readiness) != 0) return ready(operation, result);
    if (&operation == cancelling_) return finish(operation, result);

    const io_request& request = operation.request();
    // Other code has opened the descriptor in non-blocking mode.
    if (result == -EAGAIN && request.what != io_request::kind::open) {
        if (io_uring_sqe* sqe = entry()) {
            prepare_poll(sqe, operation);
        } else {
            keep(operation);
        }
        return;
    }
    if (request.what == io_request::kind::receive_bytes && result == -ENOBUFS && blocks_for(request.size)->grow()) {
        if (!push(operation)) keep(operation);
        return;
    }
    if (request.what == io_request::kind::open) return opened(operation, result);
    if (request.asks_readiness() && result > 0) result = 0;
    finish(operation, result);
}

bool uring_backend::blocks(const io_operation& operation) const noexcept {
    return std::ranges::find(blocking_opens_, &operation) != blocking_opens_.end();
}

/// Finishes an open, or lets it wait.
void uring_backend::opened(io_operation& operation, int result) noexcept {
    const open_mode mode = operation.request().mode;
    if (result >= 0) {
        // Opened without waiting; used in blocking mode, like every other descriptor of this backend.
        if (!blocks(operation)) ::fcntl(result, F_SETFL, mode == open_mode::append ? O_APPEND : 0);
        if (mode == open_mode::read) result = fifos_.await_writer(operation, result);
        if (result == fifo_opens::waits) return;
    } else if ((result == -ENXIO || result == -EAGAIN) && !blocks(operation)) {
        // Perhaps a FIFO without a reader, or a file with a lease that another process is asked to give up.
        try {
            blocking_opens_.push_back(&operation);
        } catch (const std::bad_alloc&) {
            return finish(operation, -ENOMEM);
        }
        limit_workers();
        if (!push(operation)) keep(operation);
        return;
    }
    finish(operation, result);
}

/// Continues an operation whose descriptor has become ready.
void uring_backend::ready(io_operation& operation, int result) noexcept {
    if (&operation == cancelling_) result = -ECANCELED;
    if (result < 0) return finish(operation, result);
    if (operation.request().what == io_request::kind::receive_bytes) {
        result = receive_bytes(operation.request());
        if (result != -EAGAIN) return finish(operation, result);
    }
    if (!push(operation)) keep(operation);
}

void uring_backend::take_block(io_operation& operation, const io_uring_cqe& cqe) noexcept {
    const io_request& request = operation.request();
    const auto size = static_cast<std::size_t>(std::max(cqe.res, 0));
    if ((cqe.flags & IORING_CQE_F_SOCK_NONEMPTY) == 0) operation.backend_data = drained;
    *static_cast<bytes*>(request.data) = blocks_for(request.size)->take(cqe.flags >> IORING_CQE_BUFFER_SHIFT, size);
}

/// Returns null where the kernel does not support lent blocks.
uring_blocks* uring_backend::blocks_for(std::size_t size) noexcept {
    uring_blocks& blocks = size <= small_receive ? small_ : large_;
    if (!blocks.opened() && lends_blocks_) lends_blocks_ = blocks.open(*ring_.get());
    return blocks.opened() ? &blocks : nullptr;
}

void uring_backend::cancel(io_operation& operation) noexcept {
    if (operation.backend_data == in_backlog) {
        operation.leave_list();
        close_now(operation);
        return finish(operation, -ECANCELED);
    }
    if (operation.request().what == io_request::kind::open && fifos_.cancel(operation)) {
        return finish(operation, -ECANCELED);
    }
    if (ring_.closed()) return finish(operation, -ECANCELED);
    const std::uint64_t place = operation.backend_data & ~awaits_readiness;
    if (!submitted(place)) {
        const auto& sq = ring_.get()->sq;
        io_uring_sqe* sqe = &sq.sqes[static_cast<unsigned>(place) & sq.ring_mask];
        io_uring_prep_nop(sqe);
        io_uring_sqe_set_data64(sqe, nobody);
        close_now(operation);
        return finish(operation, -ECANCELED);
    }

    if (std::ranges::find(syncs_, &operation) != syncs_.end()) {
        if (io_uring_sqe* sqe = operation.request().what == io_request::kind::sync ? entry() : nullptr) {
            io_uring_prep_cancel64(sqe, sync_mark(place), 0);
            io_uring_sqe_set_data64(sqe, nobody);
        }
        return finish(operation, -ECANCELED);
    }

    cancelling_ = &operation;
    reap();
    bool asked = operation.request().what == io_request::kind::close; // is never cancelled
    while (operation.in_flight()) {
        if (io_uring_sqe* sqe = asked ? nullptr : entry()) {
            const auto address = reinterpret_cast<std::uintptr_t>(&operation);
            const bool polling = (operation.backend_data & awaits_readiness) != 0;
            io_uring_prep_cancel64(sqe, polling ? address | readiness : address, 0);
            io_uring_sqe_set_data64(sqe, nobody);
            asked = true;
        }
        if (io_uring_submit_and_wait(ring_.get(), 1) == -EEXIST) {
            // The ring belongs to another thread, which must have ended. The kernel accepts no request from this
            // thread. Closing the ring drops its requests, after which the kernel does not touch their memory.
            ring_.close();
            finish(operation, -ECANCELED);
            break;
        }
        reap();
    }
    cancelling_ = nullptr;
}

} // namespace

void check_uring() {
    ring small{{.submissions = 1, .completions = 2, .blocks = 0}};
    enable_ring(*small.get());
    if (::syscall(SYS_io_uring_enter, small.get()->ring_fd, 0, 0, 0, nullptr, 0) < 0) {
        throw std::system_error{errno, std::system_category(), "weir: io_uring_enter"};
    }
}

std::unique_ptr<backend> make_uring_backend(const uring_limits& limits) {
    return std::make_unique<uring_backend>(limits);
}

} // namespace weir::kernel

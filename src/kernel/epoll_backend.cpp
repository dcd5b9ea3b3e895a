// SPDX-License-Identifier: MIT
#include "kernel/epoll_backend.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstdint>
#include <memory>
#include <new>
#include <span>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "kernel/blocking_calls.hpp"
#include "kernel/descriptors.hpp"
#include "kernel/fifo_opens.hpp"
#include "kernel/kernel_backend.hpp"
#include "kernel/message.hpp"
#include "kernel/or_error.hpp"

namespace weir::kernel {

namespace {

/// The way to read and write a descriptor without blocking the executor.
enum class transfer_mode : std::uint8_t {
    unknown,
    plain,     // read and write, for non-blocking mode and for files in memory
    file,      // preadv2 with RWF_NOWAIT, for files on a disk; another thread makes the calls that would wait
    socket,    // send and recv with flags for each call
    no_wait,   // preadv2 with RWF_NOWAIT, for blocking mode, which other processes may rely on
    ask_first, // poll(2) before each call, and small writes, where RWF_NOWAIT is not supported, as on a tty
};

enum class protocol : std::uint8_t { unknown, tcp, other };

/// What the backend has recorded about a descriptor. It is valid while the generation matches. Small, because there is
/// one for each descriptor.
struct descriptor_facts {
    std::uint32_t generation = 0;
    std::uint8_t watched = 0; // the registered events, of EPOLLIN and EPOLLOUT
    transfer_mode mode = transfer_mode::unknown;
    protocol spoken = protocol::unknown;
    bool known : 1 = false;
    bool reads_may_wait : 1 = false;  // a file whose file system has no reads that do not wait
    bool writes_may_wait : 1 = false; // the same for writes
    bool listener_may_block : 1 = true;
    bool peer_closed : 1 = false;
    bool urgent : 1 = false;  // urgent data has arrived at least once
    bool drained : 1 = false; // there is nothing to receive before the next edge
};

struct descriptor_state : descriptor_facts {
    detail::intrusive_list<io_operation> waiting; // for an edge
};

/// The states of descriptors by their numbers, allocated in chunks on first use. A state stays where it is.
class descriptor_table {
public:
    /// @throws std::bad_alloc
    descriptor_state& make(std::size_t number) {
        const std::size_t at = number / per_chunk;
        if (at >= chunks_.size()) chunks_.resize(at + 1);
        if (chunks_[at] == nullptr) chunks_[at] = std::make_unique<chunk>();
        return (*this)[number];
    }
    /// Of a number for which `make` was called.
    descriptor_state& operator[](std::size_t number) noexcept {
        return (*chunks_[number / per_chunk])[number % per_chunk];
    }

private:
    static constexpr std::size_t per_chunk = 128;
    using chunk = std::array<descriptor_state, per_chunk>;

    std::vector<std::unique_ptr<chunk>> chunks_;
};

/// The answer of an attempt that would hold the loop and has no readiness to wait for.
constexpr int needs_thread = INT_MIN;

/// Whether a file is in memory only, and never waits for a disk.
bool in_memory(int fd) noexcept {
    struct statfs status{};
    if (::fstatfs(fd, &status) < 0) return false;
    switch (static_cast<unsigned long>(status.f_type)) {
    case CGROUP_SUPER_MAGIC:
    case CGROUP2_SUPER_MAGIC:
    case DEBUGFS_MAGIC:
    case PROC_SUPER_MAGIC:
    case RAMFS_MAGIC:
    case SYSFS_MAGIC:
    case TMPFS_MAGIC:
    case TRACEFS_MAGIC:
        return true;
    default:
        return false;
    }
}

/// Opens a file without waiting for a disk or for the other end of a FIFO, or says that this needs a thread.
int open_at_once(const io_request& request) noexcept {
    const int flags = kernel_backend::open_flags(request.mode);
    if ((flags & O_CREAT) != 0) return needs_thread;
    open_how how{};
    how.flags = static_cast<unsigned>(flags | O_NONBLOCK);
    how.resolve = request.fd < 0 ? RESOLVE_CACHED : RESOLVE_CACHED | RESOLVE_BENEATH;
    const int directory = request.fd < 0 ? AT_FDCWD : request.fd;
    const auto fd = static_cast<int>(::syscall(SYS_openat2, directory, request.path(), &how, sizeof how));
    if (fd < 0) {
        switch (errno) {
        case EAGAIN: // not in the cache
        case EINVAL: // a kernel without RESOLVE_CACHED
        case ENOSYS:
        case EPERM: // a sandbox, or what open(2) answers too
        case ENXIO: // perhaps a FIFO without a reader
            return needs_thread;
        default:
            return -errno;
        }
    }
    return fd;
}

bool ready_now(int fd, short events) noexcept {
    pollfd p{fd, events, 0};
    return ::poll(&p, 1, 0) > 0;
}

int attempt_readiness(int fd, short events) noexcept {
    pollfd p{fd, events, 0};
    const int r = ::poll(&p, 1, 0);
    if (r <= 0) return r < 0 ? -errno : -EAGAIN;
    return (p.revents & POLLNVAL) != 0 ? -EBADF : 0;
}

int attempt_send(int fd, io_message& message) noexcept {
    return or_error(::sendmsg(fd, to_send(message), MSG_DONTWAIT | MSG_NOSIGNAL));
}

int attempt_receive(int fd, io_message& message) noexcept {
    const ssize_t got = ::recvmsg(fd, to_receive(message), MSG_DONTWAIT | receive_flags(message));
    if (got < 0) return -errno;
    received(message);
    return static_cast<int>(got);
}

bool receives(const io_request& request) noexcept {
    return request.what == io_request::kind::receive || request.what == io_request::kind::receive_bytes;
}

bool is_tcp(int fd, descriptor_facts& state) noexcept {
    if (state.spoken == protocol::unknown) {
        int number = 0;
        socklen_t size = sizeof number;
        const bool known = ::getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &number, &size) == 0;
        state.spoken = known && number == IPPROTO_TCP ? protocol::tcp : protocol::other;
    }
    return state.spoken == protocol::tcp;
}

/// Notes whether a receive has drained the socket. A TCP receive that returns fewer bytes than were asked for has
/// drained it: bytes that arrive later raise a new edge. Other sockets also return early at the boundary of a message:
/// a local socket where a message carries descriptors or has another sender, a datagram socket after each datagram. A
/// TCP receive stops at urgent data too, which an edge reports (`urgent`), and the peer may have closed
/// (`peer_closed`).
void note_received(const io_request& request, int got, descriptor_facts& state) noexcept {
    state.drained = got > 0 && static_cast<std::size_t>(got) < request.size && (state.watched & EPOLLIN) != 0 &&
                    !state.peer_closed && !state.urgent && is_tcp(request.fd, state);
}

/// I/O by readiness. A request is attempted at once. One that would block is attempted again at the next edge of its
/// descriptor.
///
/// A descriptor is registered once, edge-triggered, until it is closed, so that a connection in its steady state needs
/// no epoll_ctl. An attempt inside `start` bypasses the executor's loop, but the budget of a poll (see `context`)
/// bounds the number of such attempts in a row.
class epoll_backend final : public kernel_backend {
public:
    epoll_backend();
    ~epoll_backend() override { WEIR_ASSERT(in_flight_ == 0, "an I/O operation outlives its executor"); }

    std::string_view name() const noexcept override { return "epoll"; }
    void start(io_operation& operation) override;
    void cancel(io_operation& operation) noexcept override;
    void wait(time_point until) override;
    int pollable() override { return epoll_.get(); }
    std::size_t in_flight() const noexcept override { return in_flight_; }

private:
    static constexpr std::uint64_t event_tag = UINT64_MAX;
    static constexpr std::uint64_t fifos_tag = UINT64_MAX - 1;

    descriptor_state* state_of(int fd, std::uint32_t generation) noexcept;
    void abandon(descriptor_state& state) noexcept;
    int watch(int fd, descriptor_state& state, std::uint8_t events, bool anew) noexcept;
    int attempt(const io_request& request, descriptor_state& state) noexcept;
    int attempt_transfer(const io_request& request, descriptor_state& state) noexcept;
    int attempt_accept(const io_request& request, descriptor_state& state) noexcept;
    void open(io_operation& operation) noexcept;
    bool awaits_writer(io_operation& operation, int& result) noexcept;
    void call_elsewhere(io_operation& operation) noexcept;
    void finish_calls() noexcept;
    void finish_fifos() noexcept;
    void retry(descriptor_state& state, bool writers) noexcept;
    int wait_for_events(epoll_event* events, int most, time_point until) noexcept;

    owned_fd epoll_;
    descriptor_table descriptors_;
    descriptor_state none_; // for requests without a valid descriptor
    std::size_t in_flight_ = 0;
    bool nanoseconds_ = true; // whether epoll_pwait2 is supported
    fifo_opens fifos_;
    bool fifos_watched_ = false;
    blocking_calls calls_{*this};
};

epoll_backend::epoll_backend() : kernel_backend{descriptors::non_blocking}, epoll_{::epoll_create1(EPOLL_CLOEXEC)} {
    epoll_event e{};
    e.events = EPOLLIN | EPOLLET;
    e.data.u64 = event_tag;
    if (epoll_.get() < 0 || ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, event(), &e) < 0) {
        throw std::system_error{errno, std::system_category(), "weir: epoll"};
    }
}

/// Returns null when there is no memory for the state.
descriptor_state* epoll_backend::state_of(int fd, std::uint32_t generation) noexcept {
    if (fd < 0) return &none_;
    descriptor_state* state = nullptr;
    try {
        state = &descriptors_.make(static_cast<std::size_t>(fd));
    } catch (const std::bad_alloc&) {
        return nullptr;
    }
    if (!state->known || state->generation != generation) {
        // No operation waits here, unless the descriptor was closed while one used it.
        abandon(*state);
        static_cast<descriptor_facts&>(*state) = {};
        state->generation = generation;
        state->known = true;
    }
    return state;
}

void epoll_backend::abandon(descriptor_state& state) noexcept {
    while (!state.waiting.empty()) {
        --in_flight_;
        state.waiting.pop_front().complete(-EBADF);
    }
}

/// @param anew  registers a descriptor again that may have been closed by other code
int epoll_backend::watch(int fd, descriptor_state& state, std::uint8_t events, bool anew) noexcept {
    if ((state.watched & events) == events && !anew) return 0;
    const auto all = static_cast<std::uint8_t>(state.watched | events);
    epoll_event e{};
    e.events = all | EPOLLRDHUP | EPOLLPRI | EPOLLET;
    e.data.u64 = std::uint64_t{state.generation} << 32 | static_cast<std::uint32_t>(fd);
    int r = ::epoll_ctl(epoll_.get(), state.watched == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD, fd, &e);
    if (r < 0 && errno == EEXIST) r = ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, fd, &e);
    if (r < 0 && errno == ENOENT) r = ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &e);
    if (r < 0) return -errno;
    state.watched = all;
    return 0;
}

void epoll_backend::start(io_operation& operation) {
    const io_request& request = operation.request();
    operation.backend_data = 0;
    if (request.what == io_request::kind::open) return open(operation);
    if (request.what == io_request::kind::close) {
        renew(request.fd);
        return call_elsewhere(operation);
    }
    const descriptor_word word = word_of(request.fd);
    if (request.reads() && start_read(operation, word)) return;
    descriptor_state* found = state_of(request.fd, generation(word));
    if (found == nullptr) return operation.complete(-ENOMEM);
    descriptor_state& state = *found;

    int r = -EAGAIN;
    if (!receives(request) || !state.drained) r = attempt(request, state);
    if (r == needs_thread) return call_elsewhere(operation);
    if (r == -EAGAIN) {
        const std::uint8_t edge = request.waits_for_writable() ? EPOLLOUT : EPOLLIN;
        r = watch(request.fd, state, edge, request.asks_readiness());
        if (r == 0) {
            state.waiting.push_back(operation);
            ++in_flight_;
            return;
        }
        if (r == -EPERM) r = -EAGAIN; // epoll does not support it: the caller gets the attempt's answer
    }
    operation.complete(r);
}

void epoll_backend::open(io_operation& operation) noexcept {
    int r = open_at_once(operation.request());
    if (r == needs_thread) return call_elsewhere(operation);
    if (awaits_writer(operation, r)) {
        ++in_flight_;
        return;
    }
    operation.complete(r);
}

/// Whether an open continues to wait, because it has opened a FIFO for reading that has no writer.
bool epoll_backend::awaits_writer(io_operation& operation, int& result) noexcept {
    if (operation.request().mode != open_mode::read || result < 0) return false;
    result = fifos_.await_writer(operation, result);
    if (result != fifo_opens::waits) return false;
    if (std::exchange(fifos_watched_, true)) return true;
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.u64 = fifos_tag;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fifos_.pollable(), &e) == 0) return true;
    result = -errno;
    fifos_watched_ = false;
    fifos_.cancel(operation);
    return false;
}

void epoll_backend::finish_fifos() noexcept {
    fifos_.check([this](io_operation& operation, int fd) {
        --in_flight_;
        operation.complete(fd);
    });
}

/// Makes the call on another thread, which completes the operation inside `wait`.
void epoll_backend::call_elsewhere(io_operation& operation) noexcept {
    std::unique_ptr<blocking_call> call = blocking_call::create(operation);
    if (!call) {
        const int error = errno;
        if (operation.request().what != io_request::kind::close) return operation.complete(-error);
        return operation.complete(or_error(::close(operation.request().fd))); // needs no memory here
    }
    operation.backend_data = reinterpret_cast<std::uintptr_t>(call.get());
    if (const int r = calls_.start(std::move(call)); r < 0) return operation.complete(r);
    ++in_flight_;
}

void epoll_backend::finish_calls() noexcept {
    while (const std::unique_ptr<blocking_call> call = calls_.take_finished()) {
        io_operation& operation = call->operation();
        int result = call->deliver();
        operation.backend_data = 0;
        if (operation.request().what == io_request::kind::open && awaits_writer(operation, result)) continue;
        --in_flight_;
        operation.complete(result);
    }
}

void epoll_backend::cancel(io_operation& operation) noexcept {
    if (operation.backend_data != 0) {
        calls_.abandon(*reinterpret_cast<blocking_call*>(operation.backend_data));
    } else if (operation.request().what != io_request::kind::open || !fifos_.cancel(operation)) {
        operation.leave_list();
    }
    --in_flight_;
    operation.complete(-ECANCELED);
}

int epoll_backend::attempt(const io_request& request, descriptor_state& state) noexcept {
    for (;;) {
        int r = 0;
        switch (request.what) {
        case io_request::kind::read:
        case io_request::kind::write:
            r = attempt_transfer(request, state);
            break;
        case io_request::kind::receive: {
            const std::size_t size = at_most(request.size);
            r = or_error(::recv(request.fd, request.data, size, MSG_DONTWAIT));
            note_received(request, r, state);
            break;
        }
        case io_request::kind::receive_bytes:
            r = receive_bytes(request);
            note_received(request, r, state);
            break;
        case io_request::kind::send:
            r = or_error(::send(request.fd, request.data, at_most(request.size), MSG_DONTWAIT | MSG_NOSIGNAL));
            break;
        case io_request::kind::accept:
            r = attempt_accept(request, state);
            break;
        case io_request::kind::connect:
            // A repeated call returns the result of the first one.
            r = ::connect(request.fd, static_cast<const sockaddr*>(request.address->data()), request.address->size());
            if (r < 0) r = errno == EINPROGRESS || errno == EALREADY ? -EAGAIN : -errno;
            break;
        case io_request::kind::open:
        case io_request::kind::sync:
        case io_request::kind::close:
            return needs_thread;
        case io_request::kind::readable:
            r = attempt_readiness(request.fd, POLLIN);
            break;
        case io_request::kind::writable:
            r = attempt_readiness(request.fd, POLLOUT);
            break;
        case io_request::kind::send_message:
            r = attempt_send(request.fd, *static_cast<io_message*>(request.data));
            break;
        case io_request::kind::receive_message:
            r = attempt_receive(request.fd, *static_cast<io_message*>(request.data));
            break;
        }
        if (r != -EINTR) return r;
    }
}

int epoll_backend::attempt_accept(const io_request& request, descriptor_state& state) noexcept {
    if (state.listener_may_block) {
        // Other code may have opened this listener in blocking mode, and accept has no flag for a single call. To ask
        // poll(2) first is not enough: another process that shares the listener may take the connection.
        const int flags = ::fcntl(request.fd, F_GETFL);
        if (flags < 0 || ((flags & O_NONBLOCK) == 0 && ::fcntl(request.fd, F_SETFL, flags | O_NONBLOCK) < 0)) {
            return -errno;
        }
        state.listener_may_block = false;
    }
    sockaddr* address = nullptr;
    socklen_t* size = nullptr;
    if (request.address != nullptr) {
        address = static_cast<sockaddr*>(request.address->data());
        size = request.address->resize(endpoint::capacity);
    }
    return or_error(::accept4(request.fd, address, size, SOCK_CLOEXEC | SOCK_NONBLOCK));
}

int epoll_backend::attempt_transfer(const io_request& request, descriptor_state& state) noexcept {
    if (state.mode == transfer_mode::unknown) {
        struct stat status{};
        const int flags = ::fcntl(request.fd, F_GETFL);
        if (flags < 0 || ::fstat(request.fd, &status) < 0) return -errno;
        if (S_ISSOCK(status.st_mode)) {
            state.mode = transfer_mode::socket;
        } else if (S_ISREG(status.st_mode) || S_ISBLK(status.st_mode)) {
            state.mode = in_memory(request.fd) ? transfer_mode::plain : transfer_mode::file;
        } else if ((flags & O_NONBLOCK) != 0 || S_ISDIR(status.st_mode)) {
            state.mode = transfer_mode::plain;
        } else {
            state.mode = transfer_mode::no_wait;
        }
    }

    const bool write = request.what == io_request::kind::write;
    std::size_t size = at_most(request.size);
    ssize_t r = 0;
    switch (state.mode) {
    case transfer_mode::socket:
        r = write ? ::send(request.fd, request.data, size, MSG_DONTWAIT | MSG_NOSIGNAL)
                  : ::recv(request.fd, request.data, size, MSG_DONTWAIT);
        return or_error(r);
    case transfer_mode::file: {
        if (write ? state.writes_may_wait : state.reads_may_wait) return needs_thread;
        const iovec part{request.data, size};
        r = write ? ::pwritev2(request.fd, &part, 1, request.offset, RWF_NOWAIT)
                  : ::preadv2(request.fd, &part, 1, request.offset, RWF_NOWAIT);
        if (r >= 0) return static_cast<int>(r);
        if (errno == EAGAIN) return needs_thread;
        if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return -errno;
        if (write) {
            state.writes_may_wait = true;
        } else {
            state.reads_may_wait = true;
        }
        return needs_thread;
    }
    case transfer_mode::no_wait: {
        const iovec part{request.data, size};
        r = write ? ::pwritev2(request.fd, &part, 1, request.offset, RWF_NOWAIT)
                  : ::preadv2(request.fd, &part, 1, request.offset, RWF_NOWAIT);
        if (r >= 0) return static_cast<int>(r);
        if (errno != EOPNOTSUPP && errno != ENOSYS && errno != EINVAL) return -errno;
        state.mode = transfer_mode::ask_first;
        [[fallthrough]];
    }
    case transfer_mode::ask_first:
        if (!ready_now(request.fd, write ? POLLOUT : POLLIN)) return -EAGAIN;
        // POLLOUT promises room for PIPE_BUF bytes only.
        if (write) size = std::min<std::size_t>(size, PIPE_BUF);
        [[fallthrough]];
    case transfer_mode::plain:
    case transfer_mode::unknown:
        break;
    }
    if (request.offset < 0) {
        r = write ? ::write(request.fd, request.data, size) : ::read(request.fd, request.data, size);
    } else {
        r = write ? ::pwrite(request.fd, request.data, size, request.offset)
                  : ::pread(request.fd, request.data, size, request.offset);
    }
    return or_error(r);
}

/// Attempts the waiting reads or writes again, in the order in which they were made, until one would still block.
void epoll_backend::retry(descriptor_state& state, bool writers) noexcept {
    detail::intrusive_list<io_operation> all;
    all.splice(state.waiting);
    bool blocked = false;
    while (!all.empty()) {
        io_operation& operation = all.pop_front();
        const bool due = !blocked && operation.request().waits_for_writable() == writers;
        const int r = due ? attempt(operation.request(), state) : -EAGAIN;
        if (r == -EAGAIN) {
            blocked = blocked || due;
            state.waiting.push_back(operation);
        } else {
            --in_flight_;
            operation.complete(r);
        }
    }
}

int epoll_backend::wait_for_events(epoll_event* events, int most, time_point until) noexcept {
    const bool forever = until == time_point::max();
    const duration left = forever ? duration::zero() : std::max(until - now(), duration::zero());
    if (nanoseconds_) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(left);
        const timespec limit{static_cast<time_t>(seconds.count()), static_cast<long>((left - seconds).count())};
        const int r = ::epoll_pwait2(epoll_.get(), events, most, forever ? nullptr : &limit, nullptr);
        if (r >= 0 || (errno != ENOSYS && errno != EPERM)) return or_error(r);
        nanoseconds_ = false;
    }
    // Rounded up: a wait that ended before the deadline would be followed by many waits of zero milliseconds.
    const auto ms = std::min<std::int64_t>(std::chrono::ceil<std::chrono::milliseconds>(left).count(), INT_MAX);
    return or_error(::epoll_wait(epoll_.get(), events, most, forever ? -1 : static_cast<int>(ms)));
}

void epoll_backend::wait(time_point until) {
    std::array<epoll_event, 256> events;
    const int count = wait_for_events(events.data(), static_cast<int>(events.size()), until);
    if (count < 0) {
        if (count == -EINTR) return;
        throw std::system_error{-count, std::system_category(), "weir: epoll_wait"};
    }
    for (const epoll_event& e : std::span{events}.first(static_cast<std::size_t>(count))) {
        if (e.data.u64 == event_tag) {
            notified();
            finish_calls();
            continue;
        }
        if (e.data.u64 == fifos_tag) {
            finish_fifos();
            continue;
        }
        const auto fd = static_cast<std::uint32_t>(e.data.u64);
        descriptor_state& state = descriptors_[fd];
        // An event of a descriptor that was closed here while a duplicate of it is still open.
        if (state.generation != e.data.u64 >> 32) continue;
        if ((e.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0) state.peer_closed = true;
        if ((e.events & EPOLLPRI) != 0) state.urgent = true;
        if ((e.events & ~std::uint32_t{EPOLLOUT}) != 0) {
            state.drained = false;
            retry(state, false);
        }
        if ((e.events & (EPOLLOUT | EPOLLHUP | EPOLLERR)) != 0) retry(state, true);
    }
}

} // namespace

std::unique_ptr<backend> make_epoll_backend() { return std::make_unique<epoll_backend>(); }

} // namespace weir::kernel

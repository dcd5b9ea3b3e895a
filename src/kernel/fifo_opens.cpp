// SPDX-License-Identifier: MIT
#include "kernel/fifo_opens.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <iterator>
#include <new>

#include <fcntl.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "kernel/file_system.hpp"

namespace weir::kernel {

namespace {

/// Whether a FIFO has bytes, or a writer has closed it since this reading end was opened.
bool writer_left_something(int fd) noexcept {
    pollfd p{fd, POLLIN, 0}; // POLLHUP is not reported before there was a writer
    return ::poll(&p, 1, 0) > 0;
}

} // namespace

bool is_fifo(int fd) noexcept {
    struct stat status{};
    return ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
}

fifo_opens::~fifo_opens() {
    for (const waiting_open& open : waiting_) ::close(open.fd);
}

/// Whether a FIFO has a writer, or has had one since this reading end was opened.
///
/// The writer of now is looked for first. In the other order, both questions would miss a writer that closes in
/// between: inotify reports a close before the kernel counts one writer less, and so nothing would report it later.
bool fifo_opens::writer_seen(int fd) noexcept {
    // tee(2) answers EAGAIN for an empty pipe with a writer, and 0 without.
    ssize_t copied = 0;
    do {
        copied = ::tee(fd, spare_->second.get(), 1, SPLICE_F_NONBLOCK);
    } while (copied < 0 && errno == EINTR);
    if (copied > 0) {
        char byte = 0;
        return ::read(spare_->first.get(), &byte, 1) == 1;
    }
    if (copied < 0) {
        if (errno == EAGAIN) return true;
        tee_works_ = false;
    }
    return writer_left_something(fd);
}

int fifo_opens::await_writer(io_operation& operation, int fd) noexcept {
    if (!is_fifo(fd) || writer_left_something(fd)) return fd;
    int error = open_own_descriptors();
    if (error == 0) {
        if (writer_seen(fd)) return fd;
        try {
            waiting_.push_back({&operation, fd, -1, false});
        } catch (const std::bad_alloc&) {
            error = ENOMEM;
        }
    }
    if (error != 0) {
        ::close(fd);
        return -error;
    }
    waiting_.back().watch = add_watch(fd);
    if (writer_seen(fd)) { // before there was a watch
        remove(waiting_.size() - 1);
        return fd;
    }
    if (waiting_.back().watch < 0) start_timer(first_delay);
    return waits;
}

bool fifo_opens::cancel(const io_operation& operation) noexcept {
    const auto at = std::ranges::find(waiting_, &operation, &waiting_open::operation);
    if (at == waiting_.end()) return false;
    const int fd = at->fd;
    remove(static_cast<std::size_t>(std::distance(waiting_.begin(), at)));
    ::close(fd);
    return true;
}

/// Returns an error number, or 0.
int fifo_opens::open_own_descriptors() noexcept {
    if (poller_) return 0;
    std::array<int, 2> ends;
    if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) < 0) return errno;
    spare_.emplace(ends[0], ends[1]);
    poller_.emplace(::epoll_create1(EPOLL_CLOEXEC));
    if (poller_->get() >= 0) {
        timer_.emplace(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK));
        epoll_event fired{};
        fired.events = EPOLLIN;
        if (timer_->get() >= 0 && ::epoll_ctl(poller_->get(), EPOLL_CTL_ADD, timer_->get(), &fired) == 0) return 0;
    }
    const int error = errno;
    timer_.reset();
    poller_.reset();
    spare_.reset();
    return error;
}

/// Returns -1 where there is no inotify, or where inotify is not enough.
int fifo_opens::add_watch(int fd) noexcept {
    if (!tee_works_) return -1; // a close is reported too early for poll(2)
    if (!inotify_) {
        inotify_.emplace(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK));
        epoll_event changed{};
        changed.events = EPOLLIN;
        if (inotify_->get() < 0 || ::epoll_ctl(poller_->get(), EPOLL_CTL_ADD, inotify_->get(), &changed) < 0) {
            inotify_.reset();
            return -1;
        }
    }
    return ::inotify_add_watch(inotify_->get(), descriptor_path{fd}.c_str(), IN_OPEN);
}

/// All opens of a FIFO share one watch.
void fifo_opens::remove_unused_watch(int watch) noexcept {
    if (watch < 0 || std::ranges::find(waiting_, watch, &waiting_open::watch) != waiting_.end()) return;
    ::inotify_rm_watch(inotify_->get(), watch);
}

void fifo_opens::remove(std::size_t index) noexcept {
    const int watch = waiting_[index].watch;
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(index));
    remove_unused_watch(watch);
}

/// Starts the timer if it has something to check.
void fifo_opens::start_timer(std::chrono::milliseconds delay) noexcept {
    timer_fired_ = false;
    if (std::ranges::find(waiting_, -1, &waiting_open::watch) == waiting_.end()) return;
    delay_ = std::min(delay, longest_delay);
    itimerspec when{};
    when.it_value.tv_nsec = static_cast<long>(std::chrono::nanoseconds{delay_}.count());
    ::timerfd_settime(timer_->get(), 0, &when, nullptr);
}

/// Reads what inotify and the timer report, and marks the opens that it concerns.
void fifo_opens::find_due() noexcept {
    const auto mark = [this](auto concerns) {
        for (waiting_open& open : waiting_) {
            if (concerns(open)) open.due = true;
        }
    };
    std::uint64_t expirations = 0;
    if (::read(timer_->get(), &expirations, sizeof expirations) > 0) {
        timer_fired_ = true;
        mark([](const waiting_open& open) { return open.watch < 0; });
    }
    if (!inotify_) return;
    alignas(inotify_event) std::array<char, 4096> buffer;
    for (;;) {
        const ssize_t size = ::read(inotify_->get(), buffer.data(), buffer.size());
        if (size <= 0) return;
        for (const char* at = buffer.data(); at < buffer.data() + size;) {
            const auto* event = reinterpret_cast<const inotify_event*>(at);
            at += sizeof *event + event->len;
            const bool lost = (event->mask & IN_Q_OVERFLOW) != 0;
            mark([&](const waiting_open& open) { return lost || open.watch == event->wd; });
        }
    }
}

} // namespace weir::kernel

// SPDX-License-Identifier: MIT
#include "kernel/blocking_calls.hpp"

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <unistd.h>

#include <weir/core/detail/intrusive_list.hpp>

#include "kernel/fifo_opens.hpp"
#include "kernel/file_system.hpp"
#include "kernel/or_error.hpp"

namespace weir::kernel {

namespace {

constexpr std::chrono::seconds idle_limit{10};
// Files opened with O_DIRECT want their buffers so.
constexpr std::size_t buffer_alignment = 4096;

/// Opens what an open descriptor refers to once more.
int open_again(int fd, int flags) noexcept {
    return or_error(::open(descriptor_path{fd}.c_str(), flags | O_CLOEXEC | O_NOCTTY));
}

/// Signals are for the threads of the program.
class all_signals_blocked {
public:
    all_signals_blocked() noexcept {
        sigset_t all;
        ::sigfillset(&all);
        ::pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    all_signals_blocked(const all_signals_blocked&) = delete;
    ~all_signals_blocked() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }

private:
    sigset_t before_{};
};

} // namespace

/// The state that the threads share. It outlives the backend while a call is running.
struct blocking_threads : std::enable_shared_from_this<blocking_threads> {
    explicit blocking_threads(kernel_backend& backend) : owner{&backend} {}

    std::mutex mutex; // guards all members below
    std::condition_variable available;
    std::condition_variable ended;
    std::condition_variable released;
    detail::intrusive_list<blocking_call> queue;
    detail::intrusive_list<blocking_call> finished;
    std::size_t queued = 0;
    std::size_t idle = 0;
    std::size_t threads = 0;
    std::size_t running = 0;
    std::size_t awaiting_reader = 0;
    std::size_t releasing = 0; // abandoned opens with a reader that was opened to end their wait
    kernel_backend* owner;     // null when it is closed

    /// Makes sure that a queued call gets a thread, if there may be one more. Returns 0, or minus the error number when
    /// it would never get one.
    int serve() noexcept {
        if (idle >= queued) {
            available.notify_one();
            return 0;
        }
        if (threads >= blocking_calls::most_threads + awaiting_reader) return 0;
        const all_signals_blocked guard;
        try {
            std::thread{[self = shared_from_this()] { self->work(); }}.detach();
        } catch (const std::bad_alloc&) {
            return threads != 0 ? 0 : -ENOMEM;
        } catch (const std::exception&) {
            return threads != 0 ? 0 : -EAGAIN;
        }
        ++threads;
        return 0;
    }

    void work() noexcept {
        std::unique_lock lock{mutex};
        while (owner != nullptr) {
            if (queue.empty()) {
                ++idle;
                const bool timed_out = available.wait_for(lock, idle_limit) == std::cv_status::timeout;
                --idle;
                if (timed_out && queue.empty()) break;
                continue;
            }
            blocking_call& call = queue.pop_front();
            --queued;
            ++running;
            call.stage_ = blocking_call::stage::running;
            lock.unlock();
            call.run(*this);
            lock.lock();
            call.stage_ = blocking_call::stage::finished;
            if (call.abandoned_) {
                const bool had_reader = call.reader_ >= 0;
                lock.unlock();
                delete &call;
                lock.lock();
                if (had_reader && --releasing == 0) released.notify_all();
            } else {
                finished.push_back(call);
                owner->notify();
            }
            --running;
            if (owner == nullptr) ended.notify_all();
        }
        --threads;
    }
};

void blocking_call::free_memory::operator()(void* memory) const noexcept { std::free(memory); }

std::unique_ptr<blocking_call> blocking_call::create(io_operation& operation) noexcept {
    auto call = std::unique_ptr<blocking_call>{new (std::nothrow) blocking_call{operation}};
    if (!call) {
        errno = ENOMEM;
        return nullptr;
    }
    io_request& request = call->request_;
    if (request.what == io_request::kind::open) {
        if (request.fd >= 0) {
            call->directory_ = ::fcntl(request.fd, F_DUPFD_CLOEXEC, 0);
            if (call->directory_ < 0) return nullptr;
        }
        try {
            call->path_ = request.path();
        } catch (const std::bad_alloc&) {
            call.reset();
            errno = ENOMEM;
        }
        return call;
    }
    if (request.what == io_request::kind::close) {
        call->fd_ = request.fd;
        return call;
    }
    call->fd_ = ::fcntl(request.fd, F_DUPFD_CLOEXEC, 0);
    if (call->fd_ < 0) return nullptr;
    if (request.what == io_request::kind::sync) return call;

    request.size = std::min(request.size, most_at_once);
    call->buffer_.reset(std::aligned_alloc(
        buffer_alignment,
        std::max<std::size_t>((request.size + buffer_alignment - 1) / buffer_alignment, 1) * buffer_alignment));
    if (!call->buffer_) {
        errno = ENOMEM;
        return nullptr;
    }
    if (request.what == io_request::kind::write) {
        std::memcpy(call->buffer_.get(), request.data, request.size);
    } else if (request.offset < 0) {
        // A dropped read leaves the position as it is.
        call->position_ = ::lseek(request.fd, 0, SEEK_CUR);
    }
    return call;
}

blocking_call::~blocking_call() {
    if (reader_ >= 0) ::close(reader_);
    if (fd_ >= 0) ::close(fd_);
    if (directory_ >= 0) ::close(directory_);
    if (request_.what == io_request::kind::open && result_ >= 0 && stage_ != stage::queued) ::close(result_);
}

int blocking_call::deliver() noexcept {
    if (request_.what == io_request::kind::open) return std::exchange(result_, -1);
    if (request_.what == io_request::kind::read && result_ > 0) {
        std::memcpy(request_.data, buffer_.get(), static_cast<std::size_t>(result_));
        if (position_ >= 0) ::lseek(fd_, position_ + result_, SEEK_SET);
    }
    return result_;
}

void blocking_call::run(blocking_threads& threads) noexcept {
    do {
        switch (request_.what) {
        case io_request::kind::open:
            result_ = open(threads);
            break;
        case io_request::kind::sync:
            result_ = or_error(::fsync(fd_));
            break;
        case io_request::kind::close:
            result_ = or_error(::close(std::exchange(fd_, -1)));
            return; // after EINTR it is closed too
        case io_request::kind::write:
            result_ = or_error(request_.offset < 0 ? ::write(fd_, buffer_.get(), request_.size)
                                                   : ::pwrite(fd_, buffer_.get(), request_.size, request_.offset));
            break;
        default: {
            const std::int64_t offset = request_.offset < 0 ? position_ : request_.offset;
            result_ = or_error(offset < 0 ? ::read(fd_, buffer_.get(), request_.size)
                                          : ::pread(fd_, buffer_.get(), request_.size, offset));
            break;
        }
        }
    } while (result_ == -EINTR);
}

/// Opens in non-blocking mode, which waits for nobody: the backend itself waits for the writer of a FIFO.
int blocking_call::open(blocking_threads& threads) noexcept {
    const int flags = kernel_backend::open_flags(request_.mode);
    int opened = open_path(directory_, path_.c_str(), flags | O_NONBLOCK, request_.permissions);
    // A file with a lease, which another process is asked to give up.
    if (opened == -EAGAIN && directory_ < 0) opened = open_path(directory_, path_.c_str(), flags, request_.permissions);
    if (opened != -ENXIO) return opened;
    // Perhaps a FIFO without a reader.
    const int named = open_path(directory_, path_.c_str(), O_PATH | O_CLOEXEC, 0);
    if (named < 0) return named;
    if (is_fifo(named)) return await_reader(threads, named);
    ::close(named);
    return -ENXIO;
}

/// Waits for a reader of a FIFO as open(2) does.
/// @param named  refers to the FIFO
int blocking_call::await_reader(blocking_threads& threads, int named) noexcept {
    {
        std::unique_lock lock{threads.mutex};
        fd_ = named;
        // A reader that was opened to end another wait is not the one that this call waits for.
        threads.released.wait(lock, [&] { return threads.releasing == 0; });
        if (abandoned_) return -ECANCELED;
        awaits_reader_ = true;
        ++threads.awaiting_reader;
        if (!threads.queue.empty()) static_cast<void>(threads.serve());
    }
    const int result = open_again(named, kernel_backend::open_flags(request_.mode) & O_ACCMODE);
    if (result >= 0) ::fcntl(result, F_SETFL, O_NONBLOCK);
    const std::lock_guard lock{threads.mutex};
    awaits_reader_ = false;
    --threads.awaiting_reader;
    return result;
}

blocking_calls::blocking_calls(kernel_backend& owner) : threads_{std::make_shared<blocking_threads>(owner)} {}

blocking_calls::~blocking_calls() {
    std::unique_lock lock{threads_->mutex};
    threads_->owner = nullptr;
    threads_->available.notify_all();
    while (!threads_->queue.empty()) delete &threads_->queue.pop_front(); // closes that were dropped
    threads_->ended.wait_for(lock, shutdown_limit, [this] { return threads_->running == 0; });
}

int blocking_calls::start(std::unique_ptr<blocking_call> call) noexcept {
    const std::lock_guard lock{threads_->mutex};
    threads_->queue.push_back(*call);
    ++threads_->queued;
    if (const int error = threads_->serve(); error != 0) {
        call->unlink();
        --threads_->queued;
        return error;
    }
    static_cast<void>(call.release()); // the queue owns it
    return 0;
}

void blocking_calls::abandon(blocking_call& call) noexcept {
    {
        const std::lock_guard lock{threads_->mutex};
        if (call.stage_ == blocking_call::stage::running) {
            call.abandoned_ = true;
            // It stays open until the call has ended, because the call may not have begun to wait.
            if (call.awaits_reader_) call.reader_ = open_again(call.fd_, O_RDONLY | O_NONBLOCK);
            if (call.reader_ >= 0) ++threads_->releasing;
            return;
        }
        if (call.stage_ == blocking_call::stage::queued) {
            if (call.request_.what == io_request::kind::close) {
                call.abandoned_ = true;
                return;
            }
            --threads_->queued;
        }
        call.unlink();
    }
    delete &call;
}

std::unique_ptr<blocking_call> blocking_calls::take_finished() noexcept {
    const std::lock_guard lock{threads_->mutex};
    if (threads_->finished.empty()) return nullptr;
    return std::unique_ptr<blocking_call>{&threads_->finished.pop_front()};
}

} // namespace weir::kernel

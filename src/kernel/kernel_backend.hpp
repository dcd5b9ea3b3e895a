// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>

#include <weir/backend/backend.hpp>
#include <weir/io/bytes.hpp>

#include "kernel/descriptors.hpp"
#include "kernel/file_system.hpp"

namespace weir::kernel {

/// A descriptor that only the backend uses.
class owned_fd {
public:
    explicit owned_fd(int fd = -1) noexcept : fd_{fd} {}
    owned_fd(const owned_fd&) = delete;
    owned_fd& operator=(const owned_fd&) = delete;
    ~owned_fd();

    int get() const noexcept { return fd_; }

private:
    int fd_;
};

/// The common part of the backends over a kernel: system calls that do not wait, and the eventfd behind `notify`.
class kernel_backend : public backend {
public:
    time_point now() noexcept final { return clock::now(); }
    void notify() noexcept final;

    void put_back(const io_operation& operation, int result) noexcept final { kernel::put_back(operation, result); }

    int open_stream_socket(const endpoint& peer) final;
    int listen(const endpoint& local, int backlog) final;
    int local_endpoint(int fd, endpoint& result) final;
    int remote_endpoint(int fd, endpoint& result) final;
    int shutdown_write(int fd) final;
    int open_pipe(int& read_end, int& write_end) final;
    std::int64_t file_size(int fd) final;
    file_system& files() noexcept final { return kernel_files(); }
    socket_system& sockets() noexcept final;
    std::shared_ptr<process_system> processes() noexcept final;
    std::shared_ptr<descriptor_closer> closer() noexcept final;

    static int open_flags(open_mode mode) noexcept;

protected:
    /// @param made  the mode in which sockets and pipes are opened
    explicit kernel_backend(descriptors made);
    ~kernel_backend() override { filler_.reset_elsewhere(); }

    /// The eventfd. Backends watch it for edges and never read it: each notification is an edge, and its counter of 64
    /// bits does not overflow.
    int event() const noexcept { return event_.get(); }
    /// To be called when the event was seen. What was published before a notification is visible after this call.
    void notified() noexcept { pending_.exchange(false, std::memory_order_acq_rel); }

    /// Limits the size of one transfer to what a result of type int can express.
    static std::size_t at_most(std::size_t size) noexcept { return size < max_transfer ? size : max_transfer; }
    /// Performs a receive_bytes request without waiting, into a block that all connections share.
    int receive_bytes(const io_request& request) noexcept;

private:
    static constexpr std::size_t max_transfer = std::size_t{1} << 30;

    int stream_socket(const endpoint& address) noexcept;

    const descriptors made_;
    owned_fd event_;
    detail::byte_filler filler_;
    // True from the first notification until it is seen, so that one write serves many notifications. The exchange in
    // notify() is acq_rel and pairs with the one in notified().
    std::atomic<bool> pending_ = false;
};

} // namespace weir::kernel

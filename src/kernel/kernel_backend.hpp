// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <cstddef>

#include <weir/backend/backend.hpp>
#include <weir/io/bytes.hpp>

#include "kernel/descriptors.hpp"
#include "kernel/file_system.hpp"

namespace weir::kernel {

/// A descriptor of the backend's own.
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

/// What the backends over a kernel share: the system calls that do not wait, and the eventfd behind `notify`.
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

protected:
    /// @param made  how sockets and pipes are opened
    explicit kernel_backend(descriptors made);
    ~kernel_backend() override { filler_.reset_elsewhere(); }

    /// Watched for edges and never read: each notification is an edge, and 2^64 of them do not come.
    int event() const noexcept { return event_.get(); }
    /// The event was seen. What was published before a notification is visible after this.
    void notified() noexcept { pending_.exchange(false, std::memory_order_acq_rel); }

    /// One transfer's size, as a result of type int can count it.
    static std::size_t at_most(std::size_t size) noexcept { return size < max_transfer ? size : max_transfer; }
    static int open_flags(open_mode mode) noexcept;
    /// A receive_bytes that does not wait, into a block that all connections share.
    int receive_bytes(const io_request& request) noexcept;

private:
    static constexpr std::size_t max_transfer = std::size_t{1} << 30;

    int stream_socket(const endpoint& address) noexcept;

    const descriptors made_;
    owned_fd event_;
    detail::byte_filler filler_;
    // True from the first notification until it is seen, so that one write serves many. The exchange in notify() is
    // acq_rel and pairs with the one in notified().
    std::atomic<bool> pending_ = false;
};

} // namespace weir::kernel

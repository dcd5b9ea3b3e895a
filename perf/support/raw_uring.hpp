// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <system_error>

#include <liburing.h>
#include <sys/socket.h>

namespace bench {

/// The common part of the servers over liburing: one system call for all completions that are ready, multishot accept,
/// and a ring of buffers.
class raw_uring {
protected:
    raw_uring(int listener, unsigned buffers, std::size_t buffer)
        : listener_{listener}, count_{buffers}, size_{static_cast<unsigned>(buffer)} {
        io_uring_params params{};
        params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_CQSIZE;
        params.cq_entries = 4096;
        check(io_uring_queue_init_params(256, &ring_, &params), "io_uring_setup");

        buffers_ = static_cast<io_uring_buf_ring*>(on_pages(count_ * sizeof(io_uring_buf)));
        memory_ = static_cast<char*>(on_pages(std::size_t{count_} * size_));
        io_uring_buf_reg registration{};
        registration.ring_addr = reinterpret_cast<std::uintptr_t>(buffers_);
        registration.ring_entries = count_;
        check(io_uring_register_buf_ring(&ring_, &registration, 0), "io_uring_register");
        io_uring_buf_ring_init(buffers_);
        for (unsigned i = 0; i != count_; ++i) give_back(i);
    }
    raw_uring(const raw_uring&) = delete;
    raw_uring& operator=(const raw_uring&) = delete;
    ~raw_uring() {
        io_uring_queue_exit(&ring_);
        std::free(buffers_);
        std::free(memory_);
    }

    /// Accepts connections with the given user_data, and calls answer(cqe) for each completion, forever.
    template <class F>
    [[noreturn]] void run(std::uint64_t accepted, F answer) {
        accept(accepted);
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

    void accept(std::uint64_t user_data) {
        io_uring_sqe* sqe = entry();
        io_uring_prep_multishot_accept(sqe, listener_, nullptr, nullptr, SOCK_CLOEXEC);
        sqe->user_data = user_data;
    }
    io_uring_sqe* entry() {
        for (;;) {
            if (io_uring_sqe* sqe = io_uring_get_sqe(&ring_)) return sqe;
            io_uring_submit(&ring_);
        }
    }

    char* buffer(unsigned id) const { return memory_ + std::size_t{id} * size_; }
    unsigned buffer_size() const { return size_; }
    void give_back(unsigned id) {
        io_uring_buf_ring_add(buffers_, buffer(id), size_, static_cast<unsigned short>(id),
                              io_uring_buf_ring_mask(count_), 0);
        io_uring_buf_ring_advance(buffers_, 1);
    }

private:
    static void check(int result, const char* what) {
        if (result < 0) throw std::system_error{-result, std::system_category(), what};
    }
    static void* on_pages(std::size_t size) {
        constexpr std::size_t page = 4096;
        return std::aligned_alloc(page, (size + page - 1) / page * page);
    }

    int listener_;
    unsigned count_;
    unsigned size_;
    io_uring ring_{};
    io_uring_buf_ring* buffers_ = nullptr;
    char* memory_ = nullptr;
};

} // namespace bench

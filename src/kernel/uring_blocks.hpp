// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <liburing.h>

#include <weir/io/bytes.hpp>

namespace weir::kernel {

/// Blocks lent to the kernel, which takes one for what it receives when it receives it: a read that waits holds none.
/// A block that was filled belongs to its `bytes`; another takes its place.
class uring_blocks {
public:
    /// @param most  blocks lent at a time, a power of two; few at first
    uring_blocks(unsigned short group, std::size_t block, unsigned most) noexcept
        : group_{group}, most_{most}, block_{block} {}
    uring_blocks(const uring_blocks&) = delete;
    uring_blocks& operator=(const uring_blocks&) = delete;
    /// Not before the ring of requests is closed.
    ~uring_blocks();

    /// Makes itself known to the kernel. False where that does not take it.
    bool open(io_uring& ring) noexcept;
    bool opened() const noexcept { return entries_ != nullptr; }

    unsigned short group() const noexcept { return group_; }
    std::size_t block_size() const noexcept { return block_; }

    /// What the kernel put into a block.
    bytes take(unsigned id, std::size_t size) noexcept;
    /// Lends new blocks for those that were taken, as far as there is memory.
    void refill() noexcept;
    /// They were not enough: more of them from now on. False when none is there to be taken.
    bool grow() noexcept;

private:
    std::size_t lent() const noexcept { return most_ - free_ids_.size(); }

    struct free_deleter {
        void operator()(void* memory) const noexcept;
    };

    const unsigned short group_;
    const unsigned most_;
    const std::size_t block_;
    std::unique_ptr<io_uring_buf_ring, free_deleter> entries_;
    std::vector<detail::byte_block*> blocks_; // those that are lent, by id
    std::vector<unsigned short> free_ids_;
    unsigned wanted_ = 0;
};

} // namespace weir::kernel

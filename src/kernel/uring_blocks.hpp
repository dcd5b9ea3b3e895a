// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include <liburing.h>

#include <weir/io/bytes.hpp>

namespace weir::kernel {

/// Blocks of memory that are lent to the kernel. The kernel takes one when data arrives, so that a waiting read holds
/// no memory. A filled block becomes a `bytes`, and a new block replaces it.
class uring_blocks {
public:
    /// @param most  the maximum number of blocks lent at a time, a power of two; the first ones are fewer
    uring_blocks(unsigned short group, std::size_t block, unsigned most) noexcept
        : group_{group}, most_{most}, block_{block} {}
    uring_blocks(const uring_blocks&) = delete;
    uring_blocks& operator=(const uring_blocks&) = delete;
    /// The ring must be closed before.
    ~uring_blocks();

    /// Registers the blocks with the kernel. Returns false where the kernel does not support this.
    bool open(io_uring& ring) noexcept;
    bool opened() const noexcept { return entries_ != nullptr; }

    unsigned short group() const noexcept { return group_; }
    std::size_t block_size() const noexcept { return block_; }

    /// Returns the data that the kernel has put into a block.
    bytes take(unsigned id, std::size_t size) noexcept;
    /// Lends new blocks in place of the taken ones, as far as there is memory.
    void refill() noexcept;
    /// To be called when the blocks have run out: lends more from now on. Returns false when none is lent.
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
    std::vector<detail::byte_block*> blocks_; // the lent blocks by id
    std::vector<unsigned short> free_ids_;
    unsigned wanted_ = 0;
};

} // namespace weir::kernel

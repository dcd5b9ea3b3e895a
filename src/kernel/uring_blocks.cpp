// SPDX-License-Identifier: MIT
#include "kernel/uring_blocks.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>
#include <utility>

#include <unistd.h>

namespace weir::kernel {

namespace {

constexpr unsigned at_first = 8;

} // namespace

void uring_blocks::free_deleter::operator()(void* memory) const noexcept { std::free(memory); }

uring_blocks::~uring_blocks() {
    for (detail::byte_block* block : blocks_) {
        if (block != nullptr) block->release_elsewhere();
    }
}

bool uring_blocks::open(io_uring& ring) noexcept {
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    const std::size_t size = (most_ * sizeof(io_uring_buf) + page - 1) / page * page;
    std::unique_ptr<io_uring_buf_ring, free_deleter> entries{
        static_cast<io_uring_buf_ring*>(std::aligned_alloc(page, size))};
    if (entries == nullptr) return false;
    std::memset(entries.get(), 0, size);
    try {
        blocks_.assign(most_, nullptr);
        free_ids_.reserve(most_);
    } catch (const std::bad_alloc&) {
        return false;
    }
    for (unsigned id = most_; id-- != 0;) free_ids_.push_back(static_cast<unsigned short>(id));

    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries.get());
    registration.ring_entries = most_;
    registration.bgid = group_;
    if (io_uring_register_buf_ring(&ring, &registration, 0) != 0) return false;
    entries_ = std::move(entries);
    wanted_ = std::min(at_first, most_);
    refill();
    return true;
}

bytes uring_blocks::take(unsigned id, std::size_t size) noexcept {
    detail::byte_block* block = std::exchange(blocks_[id], nullptr);
    free_ids_.push_back(static_cast<unsigned short>(id));
    bytes filled{*block, block->data(), size};
    block->release();
    return filled;
}

void uring_blocks::refill() noexcept {
    int added = 0;
    while (lent() < wanted_) {
        detail::byte_block* block = nullptr;
        try {
            block = detail::byte_block::make(block_);
        } catch (const std::bad_alloc&) {
            break;
        }
        const unsigned short id = free_ids_.back();
        free_ids_.pop_back();
        blocks_[id] = block;
        io_uring_buf_ring_add(entries_.get(), block->data(), static_cast<unsigned>(block_), id,
                              io_uring_buf_ring_mask(most_), added);
        ++added;
    }
    if (added != 0) io_uring_buf_ring_advance(entries_.get(), added);
}

bool uring_blocks::grow() noexcept {
    // Another receive that ran short in the same turn may have let it grow already.
    if (lent() == 0) wanted_ = std::min(wanted_ * 2, most_);
    refill();
    return lent() != 0;
}

} // namespace weir::kernel

// SPDX-License-Identifier: MIT
#include <weir/io/bytes.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>

#include <weir/core/detail/frame_pool.hpp>

namespace weir::detail {

/// Free blocks by size, per thread. Under sanitizers no block is kept, so that they see each block's lifetime.
class byte_pool {
public:
    static byte_block* make(std::size_t at_least) {
        const std::size_t index = index_of(at_least);
        if (index >= classes) return allocate(at_least);
        bin& b = local.bins[index];
        if (b.head == nullptr) return allocate(smallest << index);
        byte_block* block = b.head;
        b.head = block->next_free_;
        --b.kept;
        block->owners_ = 1;
        block->thread_ = this_thread();
        return block;
    }

    static void recycle(byte_block* block) noexcept {
#if WEIR_POOL_FRAMES
        const std::size_t index = index_of(block->capacity_);
        if (index < classes && block->capacity_ == smallest << index && open()) {
            if (bin& b = local.bins[index]; b.kept < most_kept >> index) {
                block->next_free_ = b.head;
                b.head = block;
                ++b.kept;
                return;
            }
        }
#endif
        free(block);
    }

private:
    static constexpr std::size_t smallest = 512;
    static constexpr std::size_t classes = 12;     // up to 1 MiB
    static constexpr std::size_t most_kept = 4096; // of the smallest, 2 MiB; as many bytes of each other size

    struct bin {
        byte_block* head;
        std::size_t kept;
    };
    enum class phase : unsigned char { untouched, open, closed };
    struct bins_of_thread {
        std::array<bin, classes> bins;
        phase state;
    };
    struct reaper {
        ~reaper() {
            local.state = phase::closed;
            for (bin& b : local.bins) {
                while (b.head != nullptr) free(std::exchange(b.head, b.head->next_free_));
                b.kept = 0;
            }
        }
    };

    static std::size_t index_of(std::size_t size) noexcept {
        return static_cast<std::size_t>(std::bit_width((std::max(size, smallest) - 1) / smallest));
    }
    static byte_block* allocate(std::size_t capacity) {
        return ::new (::operator new(sizeof(byte_block) + capacity)) byte_block{capacity};
    }
    static void free(byte_block* block) noexcept { ::operator delete(block); }

    static bool open() noexcept {
        if (local.state == phase::open) return true;
        if (local.state == phase::closed) return false;
        static thread_local reaper at_thread_end;
        static_cast<void>(at_thread_end);
        local.state = phase::open;
        return true;
    }

    static inline constinit thread_local bins_of_thread local{};
};

byte_block* byte_block::make(std::size_t at_least) { return byte_pool::make(at_least); }

void byte_block::recycle(byte_block* block) noexcept { byte_pool::recycle(block); }

void byte_builder::append(std::string_view text) {
    if (text.empty()) return;
    const std::size_t size = size_ + text.size();
    if (block_ == nullptr || size > block_->capacity()) {
        byte_block* larger = byte_block::make(block_ == nullptr ? size : std::max(size, size_ * 2));
        if (size_ != 0) std::memcpy(larger->data(), block_->data(), size_);
        if (block_ != nullptr) block_->release();
        block_ = larger;
    }
    std::memcpy(block_->data() + size_, text.data(), text.size());
    size_ = size;
}

} // namespace weir::detail

namespace weir {

bytes::bytes(std::string_view text) {
    detail::byte_builder copy;
    copy.append(text);
    *this = copy.take();
}

} // namespace weir

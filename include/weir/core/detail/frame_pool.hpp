// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <array>
#include <cstddef>
#include <new>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define WEIR_POOL_FRAMES 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define WEIR_POOL_FRAMES 0
#endif
#endif
#ifndef WEIR_POOL_FRAMES
#define WEIR_POOL_FRAMES 1
#endif

namespace weir::detail {

/// A pool per thread for coroutine frames and other small nodes, by size, so that a steady state allocates nothing.
/// Under sanitizers it uses plain new and delete, so that they see each frame's lifetime.
class frame_pool {
public:
    static void* allocate(std::size_t size) {
#if WEIR_POOL_FRAMES
        if (const std::size_t index = class_of(size); index < classes) {
            bin& b = local[index];
            if (b.head != nullptr) {
                free_block* block = b.head;
                b.head = block->next;
                ++b.room;
                return block;
            }
            return ::operator new(block_size(index));
        }
#endif
        return ::operator new(size);
    }

    static void deallocate(void* memory, std::size_t size) noexcept {
#if WEIR_POOL_FRAMES
        const std::size_t index = class_of(size);
        if (index < classes && local[index].room != 0) [[likely]] {
            keep(memory, local[index]);
        } else {
            open_or_delete(memory, index);
        }
#else
        ::operator delete(memory);
        static_cast<void>(size);
#endif
    }

private:
    static constexpr std::size_t granule = 16;
    static constexpr std::size_t overhead = sizeof(std::size_t);
    static constexpr std::size_t classes = 64;
    static constexpr std::size_t max_kept = std::size_t{4} << 20; // bytes of one size

    struct free_block {
        free_block* next;
    };
    struct bin {
        free_block* head;
        std::size_t room; // how many more blocks may be kept; 0 before the first block
        bool opened;
    };

    /// Frees the blocks when the thread ends. Separate from the bins, so that those need no dynamic initialisation.
    struct reaper {
        ~reaper() {
            for (bin& b : local) {
                while (b.head != nullptr) {
                    free_block* block = b.head;
                    b.head = block->next;
                    ::operator delete(block);
                }
                b = {nullptr, 0, true};
            }
        }
    };

    // A block together with malloc's header is a multiple of 16 bytes, as malloc's chunks are.
    static constexpr std::size_t block_size(std::size_t index) noexcept { return (index + 1) * granule - overhead; }
    static constexpr std::size_t class_of(std::size_t size) noexcept { return (size + overhead - 1) / granule; }

    static void keep(void* memory, bin& b) noexcept {
        b.head = ::new (memory) free_block{b.head};
        --b.room;
    }
    /// Sets up the bin at the first block of its size. A full bin, and every bin at the end of the thread, keeps
    /// nothing.
    [[gnu::noinline]] static void open_or_delete(void* memory, std::size_t index) noexcept {
        if (index >= classes || local[index].opened) {
            ::operator delete(memory);
            return;
        }
        static thread_local reaper at_thread_end;
        static_cast<void>(at_thread_end);
        bin& b = local[index];
        b.opened = true;
        b.room = max_kept / block_size(index);
        keep(memory, b);
    }

    static inline constinit thread_local std::array<bin, classes> local{};
};

/// Base of classes that are allocated from the pool. A class with a stricter alignment than the pool's blocks is
/// allocated by the global operator new.
struct pooled {
    static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
    static void* operator new(std::size_t size, std::align_val_t alignment) { return ::operator new(size, alignment); }
    static void operator delete(void* memory, std::size_t size) noexcept { frame_pool::deallocate(memory, size); }
    static void operator delete(void* memory, std::size_t, std::align_val_t alignment) noexcept {
        ::operator delete(memory, alignment);
    }
};

/// Whether a coroutine can hold a T across suspensions. Compilers align no part of a frame more strictly than operator
/// new does.
template <class T>
inline constexpr bool fits_in_frame = alignof(T) <= __STDCPP_DEFAULT_NEW_ALIGNMENT__;

} // namespace weir::detail

#pragma once

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

/// Coroutine frames and other small nodes, kept per thread by size so that a steady state allocates nothing. Plain
/// new and delete under sanitizers, which want to see each frame come and go.
class frame_pool {
public:
    static void* allocate(std::size_t size) {
#if WEIR_POOL_FRAMES
        if (const std::size_t index = class_of(size); index < classes) {
            bin& b = local.bins[index];
            if (b.head != nullptr) {
                free_block* block = b.head;
                b.head = block->next;
                --b.kept;
                return block;
            }
            return ::operator new((index + 1) * granule);
        }
#endif
        return ::operator new(size);
    }

    static void deallocate(void* memory, std::size_t size) noexcept {
#if WEIR_POOL_FRAMES
        if (const std::size_t index = class_of(size); index < classes) {
            bin& b = local.bins[index];
            if (b.kept < max_kept / (index + 1) && open()) {
                b.head = ::new (memory) free_block{b.head};
                ++b.kept;
                return;
            }
        }
#endif
        ::operator delete(memory);
        static_cast<void>(size);
    }

private:
    static constexpr std::size_t granule = 64;
    static constexpr std::size_t classes = 32;
    static constexpr std::size_t max_kept = 65536; // blocks of one granule; fewer of the larger ones

    struct free_block {
        free_block* next;
    };
    struct bin {
        free_block* head;
        std::size_t kept;
    };
    enum class phase : unsigned char { untouched, open, closed };
    struct bins_of_thread {
        std::array<bin, classes> bins;
        phase state;
    };

    /// Gives the blocks back when the thread ends. Separate from the bins so that they need no dynamic initialisation.
    struct reaper {
        ~reaper() {
            local.state = phase::closed;
            for (bin& b : local.bins) {
                while (b.head != nullptr) {
                    free_block* block = b.head;
                    b.head = block->next;
                    ::operator delete(block);
                }
                b.kept = 0;
            }
        }
    };

    static constexpr std::size_t class_of(std::size_t size) noexcept { return (size - 1) / granule; }

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

/// Base of what is allocated from the pool.
struct pooled {
    static void* operator new(std::size_t size) { return frame_pool::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frame_pool::deallocate(memory, size); }
};

} // namespace weir::detail

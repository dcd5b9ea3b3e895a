// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include <weir/backend/backend.hpp>
#include <weir/backend/io_operation.hpp>

namespace weir::kernel {

/// The mode in which a backend opens its sockets and pipes.
enum class descriptors { blocking, non_blocking };

/// The state of a descriptor number in one word, from high bits to low: the number of times that it was opened or
/// closed (32 bits), the number of times that it was opened, closed or borrowed (31 bits), and whether the answer of a
/// dropped read is kept for the next read (1 bit).
using descriptor_word = std::uint64_t;
inline constexpr descriptor_word unread_mark = 1;
inline constexpr descriptor_word one_borrowed = 2;
inline constexpr descriptor_word one_opened = (std::uint64_t{1} << 32U) + one_borrowed;

/// One word per descriptor number.
class descriptor_words {
public:
    static std::atomic<descriptor_word>& of(int fd) noexcept {
        const auto number = static_cast<unsigned>(fd);
        if (const unsigned at = number / per_chunk; at < chunks_.size()) [[likely]] {
            // Pairs with the exchange in make.
            if (chunk* const c = chunks_[at].load(std::memory_order_acquire)) [[likely]]
                return c->words[number % per_chunk];
        }
        return make(number);
    }
    static bool has_own(int fd) noexcept { return &of(fd) != &shared_; }

private:
    static constexpr unsigned per_chunk = 4096;
    struct chunk {
        std::array<std::atomic<descriptor_word>, per_chunk> words{};
    };

    static std::atomic<descriptor_word>& make(unsigned number) noexcept;

    // One million words, allocated in chunks on first use. All greater numbers share one word: closing one of them
    // makes the backends examine all of them again.
    static inline std::array<std::atomic<chunk*>, 256> chunks_{};
    static inline std::atomic<descriptor_word> shared_{0};
};

inline descriptor_word word_of(int fd) noexcept {
    return descriptor_words::of(fd).load(std::memory_order_acquire); // pairs with the add in renew
}

/// Changes when the number is opened, closed or borrowed, on any thread. A backend compares it to find out whether
/// what it has recorded about a descriptor is still valid.
constexpr std::uint32_t generation(descriptor_word word) noexcept { return static_cast<std::uint32_t>(word) >> 1U; }
/// Changes when the number is opened or closed, and not when it is borrowed: a borrower guarantees that the descriptor
/// stays the same while one of its operations lives.
constexpr std::uint32_t opened(descriptor_word word) noexcept {
    return static_cast<std::uint32_t>(word >> 32U) % io_operation::descriptors;
}

/// To be called after the number was opened, and before it is closed.
void renew(int fd) noexcept;
/// To be called when a descriptor is borrowed: other code may have closed and reopened its number.
void borrow(int fd) noexcept;

/// Keeps the answer of a dropped read for the next read of the same descriptor. Does nothing if the kernel would give
/// the answer again, or if the descriptor was closed after the read started. For a regular file, moves the file
/// position back instead.
void put_back(const io_operation& operation, int result) noexcept;

/// Completes a read of a marked descriptor with the answer that was put back. Returns false if no answer was.
bool answer_unread(io_operation& operation) noexcept;

/// To be called before a read starts: records which opening of the descriptor it reads, and completes it if an answer
/// was put back. Returns whether it completed the read.
inline bool start_read(io_operation& operation, descriptor_word word) noexcept {
    operation.set_descriptor(opened(word));
    if ((word & unread_mark) == 0) [[likely]]
        return false;
    return answer_unread(operation);
}

/// Occupies the descriptor number of each standard stream that the program was started without. Otherwise the next
/// socket or file would get that number and receive the program's output. A read or a write of such a number fails with
/// EBADF. Child processes do not inherit it.
void occupy_standard_streams() noexcept;

/// Returns the closer that renews a descriptor number and closes it.
std::shared_ptr<descriptor_closer> closer() noexcept;

} // namespace weir::kernel

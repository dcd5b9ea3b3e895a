// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include <weir/backend/backend.hpp>
#include <weir/backend/io_operation.hpp>

namespace weir::kernel {

/// How a backend wants what it opens.
enum class descriptors { blocking, non_blocking };

/// What is known about a descriptor by its number, in one word: how often the number was opened or closed (32 bits),
/// how often that was so, or it was borrowed (31), and whether something waits for its next read (1).
using descriptor_word = std::uint64_t;
inline constexpr descriptor_word unread_mark = 1;
inline constexpr descriptor_word one_borrowed = 2;
inline constexpr descriptor_word one_opened = (std::uint64_t{1} << 32U) + one_borrowed;

/// A word for each number.
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

    // Room for a million descriptors, made where they are used. Those beyond share one word: then each close makes the
    // backends look again at all of them.
    static inline std::array<std::atomic<chunk*>, 256> chunks_{};
    static inline std::atomic<descriptor_word> shared_{0};
};

inline descriptor_word word_of(int fd) noexcept {
    return descriptor_words::of(fd).load(std::memory_order_acquire); // pairs with the add in renew
}

/// Changes when the number is given to something new. A backend that knows something about a descriptor knows by this
/// when that is out of date, though it was closed elsewhere, on another thread even.
constexpr std::uint32_t generation(descriptor_word word) noexcept { return static_cast<std::uint32_t>(word) >> 1U; }
/// The same, but for who borrows a descriptor: that it is another by then, he must see to. For as long as an operation
/// lives.
constexpr std::uint32_t opened(descriptor_word word) noexcept {
    return static_cast<std::uint32_t>(word >> 32U) % io_operation::descriptors;
}

/// The number names something new, or soon will.
void renew(int fd) noexcept;
/// The number may name something new: it was closed and opened by others, if it was.
void borrow(int fd) noexcept;

/// Keeps the answer to a read that is dropped for the next read of the same descriptor, if there is anything in it that
/// the kernel would not say again, and it was not closed since the read began. From a file: goes back to where it was
/// read.
void put_back(const io_operation& operation, int result) noexcept;

/// A read, of a descriptor with the mark: completes it with what was put back, if there is something.
bool answer_unread(io_operation& operation) noexcept;

/// Before a read begins: from what it will take; completes it if something was put back.
inline bool begin_read(io_operation& operation, descriptor_word word) noexcept {
    operation.set_descriptor(opened(word));
    if ((word & unread_mark) == 0) [[likely]]
        return false;
    return answer_unread(operation);
}

/// Opens a placeholder for each standard stream that the program was started without. Otherwise the next socket or file
/// would get that number, and the program's output would go there. A placeholder can be neither read nor written
/// (EBADF), and is closed in child processes.
void occupy_standard_streams() noexcept;

/// Closes and renews.
std::shared_ptr<descriptor_closer> closer() noexcept;

} // namespace weir::kernel

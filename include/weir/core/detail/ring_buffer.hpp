// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include <weir/core/assert.hpp>

namespace weir::detail {

/// A queue in one block of memory. It grows as far as it was ever filled and keeps the memory.
template <class T>
class ring_buffer {
public:
    ring_buffer() noexcept = default;
    ring_buffer(ring_buffer&& other) noexcept
        : block_{std::exchange(other.block_, nullptr)},
          room_{std::exchange(other.room_, 0)},
          first_{std::exchange(other.first_, 0)},
          size_{std::exchange(other.size_, 0)} {}
    ring_buffer& operator=(ring_buffer&&) = delete;
    ~ring_buffer() {
        clear();
        if (block_ != nullptr) std::allocator<T>{}.deallocate(block_, room_);
    }

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

    T& front() noexcept {
        WEIR_ASSERT(!empty(), "ring_buffer: there is no first item");
        return block_[first_];
    }

    /// When there is no memory for it, the item stays where it is.
    template <class U>
    void push_back(U&& item) {
        if (size_ == room_) [[unlikely]]
            grow();
        std::construct_at(block_ + at(size_), std::forward<U>(item));
        ++size_;
    }

    T pop_front() {
        T item(std::move(front()));
        drop_front();
        return item;
    }
    void drop_front() noexcept {
        std::destroy_at(block_ + first_);
        first_ = at(1);
        --size_;
    }

    void clear() noexcept {
        while (!empty()) drop_front();
    }

    void swap(ring_buffer& other) noexcept {
        std::swap(block_, other.block_);
        std::swap(room_, other.room_);
        std::swap(first_, other.first_);
        std::swap(size_, other.size_);
    }

private:
    static constexpr std::size_t smallest = 8;

    // The room is a power of two.
    std::size_t at(std::size_t i) const noexcept { return (first_ + i) & (room_ - 1); }

    [[gnu::noinline]] void grow() { // so that push_back is inlined
        const std::size_t room = room_ == 0 ? smallest : 2 * room_;
        ring_buffer larger;
        larger.block_ = std::allocator<T>{}.allocate(room);
        larger.room_ = room;
        while (!empty()) larger.push_back(pop_front());
        swap(larger);
    }

    T* block_ = nullptr;
    std::size_t room_ = 0;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

} // namespace weir::detail

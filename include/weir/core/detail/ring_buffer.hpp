// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <memory>
#include <type_traits>
#include <utility>

#include <weir/core/assert.hpp>

namespace weir::detail {

/// A queue in one block of memory. It grows to its largest size so far and keeps the memory.
///
/// A function that throws leaves the queue as it was. An item whose move may throw is therefore in memory of its own,
/// and stays where it is when the queue grows.
template <class T>
class ring_buffer {
    static constexpr bool in_block = std::is_nothrow_move_constructible_v<T>;
    using place = std::conditional_t<in_block, T, std::unique_ptr<T>>;

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
        if (block_ != nullptr) std::allocator<place>{}.deallocate(block_, room_);
    }

    bool empty() const noexcept { return size_ == 0; }
    std::size_t size() const noexcept { return size_; }

    T& front() noexcept {
        WEIR_ASSERT(!empty(), "ring_buffer: there is no first item");
        if constexpr (in_block) {
            return block_[first_];
        } else {
            return *block_[first_];
        }
    }

    /// The i-th item from the front.
    T& operator[](std::size_t i) noexcept { return const_cast<T&>(std::as_const(*this)[i]); }
    const T& operator[](std::size_t i) const noexcept {
        WEIR_ASSERT(i < size_, "ring_buffer: there is no such item");
        if constexpr (in_block) {
            return block_[at(i)];
        } else {
            return *block_[at(i)];
        }
    }

    /// When the allocation fails, the item is not moved from.
    template <class U>
    void push_back(U&& item) {
        if (size_ == room_) [[unlikely]]
            grow();
        if constexpr (in_block) {
            std::construct_at(block_ + at(size_), std::forward<U>(item));
        } else {
            std::construct_at(block_ + at(size_), make_place(std::forward<U>(item)));
        }
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

    /// The first item; the one that is given takes its place in memory, and is the last.
    T replace_front(T&& item) {
        place last = make_place(std::move(item));
        T first(pop_front());
        std::construct_at(block_ + at(size_), std::move(last));
        ++size_;
        return first;
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

    template <class U>
    static place make_place(U&& item) {
        if constexpr (in_block) {
            return place(std::forward<U>(item));
        } else {
            return std::make_unique<T>(std::forward<U>(item));
        }
    }

    // The capacity is a power of two.
    std::size_t at(std::size_t i) const noexcept { return (first_ + i) & (room_ - 1); }

    [[gnu::noinline]] void grow() { // so that push_back is inlined
        const std::size_t room = room_ == 0 ? smallest : 2 * room_;
        ring_buffer larger;
        larger.block_ = std::allocator<place>{}.allocate(room);
        larger.room_ = room;
        for (; !empty(); drop_front()) std::construct_at(larger.block_ + larger.size_++, std::move(block_[first_]));
        swap(larger);
    }

    place* block_ = nullptr;
    std::size_t room_ = 0;
    std::size_t first_ = 0;
    std::size_t size_ = 0;
};

} // namespace weir::detail

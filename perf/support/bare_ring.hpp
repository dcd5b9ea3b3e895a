// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <thread>

namespace bare {

/// The cheapest way to pass numbers from one thread to another: a ring and two counters. Both sides spin, and each
/// caches the counter of the other.
template <std::size_t Room>
class ring {
public:
    void push(std::int64_t x) {
        while (sent_ - known_taken_ == Room) {
            known_taken_ = taken_.load(std::memory_order_acquire);
            if (sent_ - known_taken_ == Room) std::this_thread::yield();
        }
        items_[sent_ % Room] = x;
        published_.store(++sent_, std::memory_order_release);
    }
    std::int64_t pop() {
        while (received_ == known_published_) {
            known_published_ = published_.load(std::memory_order_acquire);
            if (received_ == known_published_) std::this_thread::yield();
        }
        const std::int64_t x = items_[received_ % Room];
        taken_.store(++received_, std::memory_order_release);
        return x;
    }

private:
    std::array<std::int64_t, Room> items_{};
    alignas(64) std::size_t sent_ = 0;
    std::size_t known_taken_ = 0;
    alignas(64) std::size_t received_ = 0;
    std::size_t known_published_ = 0;
    alignas(64) std::atomic<std::size_t> published_ = 0;
    alignas(64) std::atomic<std::size_t> taken_ = 0;
};

} // namespace bare

// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/pairing_heap.hpp>
#include <weir/executor/deadline_timer.hpp>

namespace weir::detail {

/// All timers of an executor: a hierarchical wheel for distant timers, and a heap for the timers of the current tick.
///
/// A tick is 2^20 ns. Level k of the wheel holds the timers whose tick differs from the current one first in the k-th
/// group of six bits, so a timer is moved at most once per level as its time approaches. The heap orders the few timers
/// of the current tick by deadline, and then by the order of arming. Most timers are cancelled before they reach the
/// heap. Timers are members of both structures without an allocation, so that arming a timer and expiry cannot fail.
class timer_wheel {
public:
    timer_wheel() = default;
    timer_wheel(const timer_wheel&) = delete;
    timer_wheel& operator=(const timer_wheel&) = delete;
    ~timer_wheel();

    void arm(deadline_timer& t, time_point deadline) noexcept;
    void cancel(deadline_timer& t) noexcept;

    /// Marks and wakes the timers that are due, in order of deadline. Returns their number.
    std::size_t expire(time_point now) noexcept;

    /// Returns a time before which no timer is due; time_point::max() without a timer. The wheel rounds down to its
    /// slots, so that the time may be earlier than the first deadline. `expire` then finds nothing, and the next call
    /// returns a closer time.
    time_point next() const noexcept;

    std::size_t size() const noexcept { return size_; }
    std::uint64_t fired() const noexcept { return fired_; }

private:
    static constexpr unsigned tick_bits = 20;
    static constexpr unsigned level_bits = 6;
    static constexpr std::size_t slots = std::size_t{1} << level_bits;
    static constexpr std::size_t levels = 8; // 20 + 8 * 6 > 63: every deadline has a place

    struct level {
        std::array<intrusive_list<deadline_timer>, slots> slot;
        std::uint64_t occupied = 0; // one bit per slot; may be stale for a slot that was emptied by cancelling
    };
    struct place {
        std::size_t level;
        std::size_t slot;
        std::uint64_t start; // tick
    };

    static std::uint64_t tick_of(time_point t) noexcept;
    bool first_slot(place& found) const noexcept;
    void insert(deadline_timer& t) noexcept;

    struct sooner {
        bool operator()(const deadline_timer& a, const deadline_timer& b) const noexcept {
            return a.deadline_ != b.deadline_ ? a.deadline_ < b.deadline_ : a.sequence_ < b.sequence_;
        }
    };

    pairing_heap<deadline_timer, sooner> heap_;
    std::array<level, levels> levels_;
    std::uint64_t current_ = 0; // tick; everything up to it is in the heap
    std::uint64_t armed_ = 0;   // numbers the armings
    std::size_t size_ = 0;
    std::uint64_t fired_ = 0;
};

} // namespace weir::detail

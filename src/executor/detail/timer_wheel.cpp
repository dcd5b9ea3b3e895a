// SPDX-License-Identifier: MIT
#include <weir/executor/detail/timer_wheel.hpp>

#include <algorithm>
#include <bit>

namespace weir::detail {

timer_wheel::~timer_wheel() { WEIR_ASSERT(size_ == 0, "a timer outlives its executor"); }

std::uint64_t timer_wheel::tick_of(time_point t) noexcept {
    const auto ns = std::max<std::int64_t>(0, t.time_since_epoch().count());
    return static_cast<std::uint64_t>(ns) >> tick_bits;
}

void timer_wheel::arm(deadline_timer& t, time_point deadline) noexcept {
    if (t.armed()) cancel(t);
    t.wheel_ = this;
    t.deadline_ = deadline;
    t.sequence_ = armed_++;
    insert(t);
    ++size_;
}

void timer_wheel::cancel(deadline_timer& t) noexcept {
    if (t.state_ == deadline_timer::state::near) {
        heap_.erase(t);
    } else {
        static_cast<list_link&>(t).unlink();
    }
    t.state_ = deadline_timer::state::idle;
    --size_;
}

void timer_wheel::insert(deadline_timer& t) noexcept {
    const std::uint64_t tick = tick_of(t.deadline_);
    if (tick <= current_) {
        t.state_ = deadline_timer::state::near;
        heap_.push(t);
        return;
    }
    t.state_ = deadline_timer::state::far;
    const auto k = static_cast<std::size_t>(std::bit_width(tick ^ current_) - 1) / level_bits;
    const std::size_t slot = (tick >> (k * level_bits)) % slots;
    levels_[k].slot[slot].push_back(t);
    levels_[k].occupied |= std::uint64_t{1} << slot;
}

/// The earliest slot that may hold timers. All timers of a lower level precede those of a higher one.
bool timer_wheel::first_slot(place& found) const noexcept {
    for (std::size_t k = 0; k != levels; ++k) {
        if (levels_[k].occupied == 0) continue;
        const auto slot = static_cast<std::size_t>(std::countr_zero(levels_[k].occupied));
        const std::size_t shift = k * level_bits;
        const std::uint64_t above = current_ >> (shift + level_bits) << level_bits;
        found = {k, slot, (above | slot) << shift};
        return true;
    }
    return false;
}

std::size_t timer_wheel::expire(time_point now) noexcept {
    if (size_ == 0) return 0;
    const std::uint64_t now_tick = tick_of(now);
    for (place p{}; first_slot(p) && p.start <= now_tick;) {
        // Every timer of the slot differs from the new current tick at a lower level only, or not at all.
        current_ = std::max(current_, p.start);
        levels_[p.level].occupied &= ~(std::uint64_t{1} << p.slot);
        intrusive_list<deadline_timer> due{std::move(levels_[p.level].slot[p.slot])};
        while (!due.empty()) insert(due.pop_front());
    }
    current_ = std::max(current_, now_tick);

    std::size_t fired = 0;
    while (!heap_.empty() && heap_.front().deadline_ <= now) {
        deadline_timer& t = heap_.front();
        heap_.erase(t);
        --size_;
        t.state_ = deadline_timer::state::expired;
        t.waiter_.wake();
        ++fired;
    }
    fired_ += fired;
    return fired;
}

time_point timer_wheel::next() const noexcept {
    if (size_ == 0) return time_point::max();
    if (!heap_.empty()) return heap_.front().deadline_;
    place p{};
    if (!first_slot(p)) return time_point::max();
    return time_point{duration{static_cast<std::int64_t>(p.start << tick_bits)}};
}

} // namespace weir::detail

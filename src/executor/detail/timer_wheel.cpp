#include <weir/executor/detail/timer_wheel.hpp>

#include <algorithm>
#include <bit>

namespace weir::detail {

timer_wheel::~timer_wheel() { WEIR_ASSERT(size_ == 0, "a timer outlives its executor"); }

std::uint64_t timer_wheel::tick_of(time_point t) noexcept {
    const auto ns = std::max<std::int64_t>(0, t.time_since_epoch().count());
    return static_cast<std::uint64_t>(ns) >> tick_bits;
}

void timer_wheel::arm(deadline_timer& t, time_point deadline) {
    if (t.armed()) cancel(t);
    t.wheel_ = this;
    t.deadline_ = deadline;
    t.sequence_ = armed_++;
    insert(t);
    t.state_ = deadline_timer::state::armed;
    ++size_;
}

void timer_wheel::cancel(deadline_timer& t) noexcept {
    if (t.heap_index_ != deadline_timer::not_in_heap) {
        heap_erase(t.heap_index_);
    } else {
        static_cast<list_link&>(t).unlink();
    }
    t.state_ = deadline_timer::state::idle;
    --size_;
}

void timer_wheel::insert(deadline_timer& t) {
    const std::uint64_t tick = tick_of(t.deadline_);
    if (tick <= current_) return heap_push(t);
    const auto k = static_cast<std::size_t>(std::bit_width(tick ^ current_) - 1) / level_bits;
    const std::size_t slot = (tick >> (k * level_bits)) % slots;
    levels_[k].slot[slot].push_back(t);
    levels_[k].occupied |= std::uint64_t{1} << slot;
}

/// The earliest slot that may hold timers. Those of a lower level all come before those of a higher one.
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

std::size_t timer_wheel::expire(time_point now) {
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
    while (!heap_.empty() && heap_.front()->deadline_ <= now) {
        deadline_timer& t = *heap_.front();
        heap_erase(0);
        --size_;
        t.state_ = deadline_timer::state::expired;
        t.waiter_.wake();
        ++fired;
    }
    return fired;
}

time_point timer_wheel::next() const noexcept {
    if (size_ == 0) return time_point::max();
    if (!heap_.empty()) return heap_.front()->deadline_;
    place p{};
    if (!first_slot(p)) return time_point::max();
    return time_point{duration{static_cast<std::int64_t>(p.start << tick_bits)}};
}

bool timer_wheel::before(const deadline_timer& a, const deadline_timer& b) noexcept {
    return a.deadline_ != b.deadline_ ? a.deadline_ < b.deadline_ : a.sequence_ < b.sequence_;
}

void timer_wheel::heap_put(std::uint32_t index, deadline_timer& t) noexcept {
    heap_[index] = &t;
    t.heap_index_ = index;
}

void timer_wheel::heap_push(deadline_timer& t) {
    heap_.push_back(&t);
    t.heap_index_ = static_cast<std::uint32_t>(heap_.size() - 1);
    heap_up(t.heap_index_);
}

void timer_wheel::heap_erase(std::uint32_t index) noexcept {
    heap_[index]->heap_index_ = deadline_timer::not_in_heap;
    deadline_timer& last = *heap_.back();
    heap_.pop_back();
    if (index == heap_.size()) return;
    heap_put(index, last);
    heap_up(index);
    heap_down(last.heap_index_);
}

void timer_wheel::heap_up(std::uint32_t index) noexcept {
    deadline_timer& t = *heap_[index];
    while (index != 0) {
        const std::uint32_t parent = (index - 1) / 4;
        if (!before(t, *heap_[parent])) break;
        heap_put(index, *heap_[parent]);
        index = parent;
    }
    heap_put(index, t);
}

void timer_wheel::heap_down(std::uint32_t index) noexcept {
    deadline_timer& t = *heap_[index];
    const auto size = static_cast<std::uint32_t>(heap_.size());
    for (;;) {
        const std::uint32_t first = index * 4 + 1;
        if (first >= size) break;
        std::uint32_t least = first;
        for (std::uint32_t child = first + 1; child < std::min(first + 4, size); ++child) {
            if (before(*heap_[child], *heap_[least])) least = child;
        }
        if (!before(*heap_[least], t)) break;
        heap_put(index, *heap_[least]);
        index = least;
    }
    heap_put(index, t);
}

} // namespace weir::detail

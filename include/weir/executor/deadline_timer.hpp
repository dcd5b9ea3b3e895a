#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/backend/backend.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/waker.hpp>

namespace weir {

namespace detail {
class timer_wheel;
}

/// Marks a moment: what operators with a clock and `sleep_for` are made of.
///
/// It wakes whoever polled it last when its deadline has passed; it runs nothing. Arming and cancelling take constant
/// time. Deadlines are absolute, and met in order, to the nanosecond as far as the kernel goes.
class deadline_timer : private detail::list_link {
public:
    deadline_timer() noexcept = default;
    deadline_timer(deadline_timer&& other) noexcept : list_link{} {
        WEIR_ASSERT(!other.armed(), "moved after its first poll");
    }
    ~deadline_timer() {
        if (armed()) cancel();
    }

    /// Sets the deadline, whatever it was before.
    void arm(executor& ex, time_point deadline);
    void cancel() noexcept;

    bool armed() const noexcept { return state_ == state::armed; }
    bool expired() const noexcept { return state_ == state::expired; }
    time_point deadline() const noexcept { return deadline_; }

    /// True when the deadline has passed; else the context's waker is woken when it does.
    bool poll(context& cx) noexcept {
        if (expired()) return true;
        waiter_.arm(cx.wk);
        return false;
    }

private:
    friend class detail::timer_wheel;
    friend class detail::intrusive_list<deadline_timer>;

    enum class state : std::uint8_t { idle, armed, expired };
    static constexpr std::uint32_t not_in_heap = UINT32_MAX;

    detail::timer_wheel* wheel_ = nullptr;
    time_point deadline_{};
    std::uint64_t sequence_ = 0;
    waker_slot waiter_;
    std::uint32_t heap_index_ = not_in_heap;
    state state_ = state::idle;
};

} // namespace weir

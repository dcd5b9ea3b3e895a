// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>

#include <weir/backend/backend.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/pairing_heap.hpp>
#include <weir/core/waker.hpp>

namespace weir {

namespace detail {
class timer_wheel;
}

/// A timer, from which `sleep_for` and all operators with a clock are built.
///
/// It wakes the waker of its last poll when the deadline has passed. Arming and cancelling take constant time.
/// Deadlines are absolute and expire in order, with the precision of the kernel's clock.
class deadline_timer : private detail::heap_link {
public:
    deadline_timer() noexcept = default;
    deadline_timer(deadline_timer&& other) noexcept : heap_link{} {
        WEIR_ASSERT(!other.armed(), "moved after its first poll");
    }
    ~deadline_timer() {
        if (armed()) cancel();
    }

    /// Sets the deadline, and replaces an earlier one.
    void arm(executor& ex, time_point deadline) noexcept;
    void cancel() noexcept;

    bool armed() const noexcept { return state_ == state::far || state_ == state::near; }
    bool expired() const noexcept { return state_ == state::expired; }
    time_point deadline() const noexcept { return deadline_; }

    /// Returns true when the deadline has passed. Otherwise the context's waker is woken then.
    bool poll(context& cx) noexcept {
        if (expired()) return true;
        waiter_.arm(cx.waker());
        return false;
    }

    /// The timer that contains this slot, which has its mark.
    static deadline_timer& of(detail::slot_base& slot) noexcept;

private:
    friend class detail::timer_wheel;
    friend class detail::intrusive_list<deadline_timer>;
    template <class, class>
    friend class detail::pairing_heap;

    enum class state : std::uint8_t {
        idle,
        far,  // armed, in the wheel
        near, // armed, in the heap
        expired,
    };

    detail::timer_wheel* wheel_ = nullptr;
    time_point deadline_{};
    std::uint64_t sequence_ = 0;
    detail::marked_slot<detail::slot_mark::timer> waiter_;
    state state_ = state::idle;
};

} // namespace weir

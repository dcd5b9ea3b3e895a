// SPDX-License-Identifier: MIT
#include <weir/interop/reactive_streams.hpp>

namespace weir::detail {

void subscription_state::request(std::int64_t n) noexcept {
    if (n < 1) return set(invalid);
    std::int64_t before = demand_.load();
    while (!demand_.compare_exchange_weak(before, n > unbounded - before ? unbounded : before + n)) {}
    // Either this thread sees that the run waits, or the run sees the demand.
    waits expected = waits::for_demand;
    if (waits_.load() == expected && waits_.compare_exchange_strong(expected, waits::no)) waker_.wake();
}

void subscription_state::set(flag what) noexcept {
    flags_.fetch_or(what);
    if (waits_.load() != waits::no && waits_.exchange(waits::no) != waits::no) waker_.wake();
}

bool subscription_state::wait(context& cx, unsigned known, bool for_demand) noexcept {
    waker_.wait(cx);
    waits_.store(for_demand ? waits::for_demand : waits::for_flags);
    if (flags_.load() == known && !(for_demand && demand_.load() != 0)) return true;
    stop_waiting();
    return false;
}

} // namespace weir::detail

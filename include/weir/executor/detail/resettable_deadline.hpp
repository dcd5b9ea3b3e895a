// SPDX-License-Identifier: MIT
#pragma once

#include <weir/executor/deadline_timer.hpp>
#include <weir/executor/executor.hpp>

namespace weir::detail {

/// The shortest duration that is longer than d.
constexpr duration longer_than(duration d) noexcept { return d == duration::max() ? d : d + duration{1}; }

/// A deadline that is set again often, such as once per item. `set` only stores the time: the timer stays armed for an
/// earlier deadline, and is armed again when it fires and finds that the deadline has moved.
class resettable_deadline {
public:
    void set(time_point deadline) noexcept { deadline_ = deadline; }
    /// Does the same, with the interface of a deadline_timer.
    void arm(const executor&, time_point deadline) noexcept { set(deadline); }

    time_point deadline() const noexcept { return deadline_; }
    bool passed(const context& cx) const noexcept { return deadline_ <= cx.executor().now(); }

    /// Returns true when the deadline has passed. Otherwise the context's waker is woken then, or earlier.
    bool poll(context& cx) noexcept {
        if (passed(cx)) return true;
        if (!timer_.armed() || timer_.deadline() > deadline_) timer_.arm(cx.executor(), deadline_);
        static_cast<void>(timer_.poll(cx));
        return false;
    }

    bool armed() const noexcept { return timer_.armed(); }
    void cancel() noexcept { timer_.cancel(); }

private:
    time_point deadline_{};
    deadline_timer timer_;
};

} // namespace weir::detail

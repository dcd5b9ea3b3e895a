// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/resettable_deadline.hpp>

namespace weir::messages::detail {

/// Where one task waits for a signal or for a time, whichever is first. A signal that nobody waits for is kept.
class attention {
public:
    void signal() noexcept {
        signalled_ = true;
        waiter_.wake();
    }

    class [[nodiscard]] wait_operation {
    public:
        using result_type = unit;

        wait_operation(attention& at, time_point until) noexcept : at_{&at}, until_{until} {}

        poll<unit> poll_result(context& cx) {
            at_->timer_.set(until_);
            if (std::exchange(at_->signalled_, false) || at_->timer_.poll(cx)) return unit{};
            at_->waiter_.arm(cx.waker());
            return pending;
        }

    private:
        attention* at_;
        time_point until_;
    };

    wait_operation wait(time_point until) noexcept { return {*this, until}; }

private:
    bool signalled_ = false;
    waker_slot waiter_;
    weir::detail::resettable_deadline timer_;
};

} // namespace weir::messages::detail

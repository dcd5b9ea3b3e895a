#pragma once

#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class executor;

/// What a poll is made with: the executor, the waker to wake when it is worthwhile to poll again, the deadline of the
/// request that it serves, and a budget.
///
/// The budget bounds how long one run of a waker may go on: every loop over items that are ready spends one unit an
/// item and yields when none is left, so that no source starves the rest of the executor.
class context {
public:
    static constexpr int polls_per_run = 1024;

    executor& ex;
    waker& wk;
    /// When the request has failed for being late: for whoever can save work that would be for nothing. Whoever set it
    /// enforces it. A waker keeps it for the time when it runs by itself.
    time_point deadline;

    /// For a waker that begins to run.
    explicit context(waker& self) noexcept : ex{self.queue().owner()}, wk{self}, deadline{self.deadline()} {}

    /// For a poll made on behalf of another: spends the parent's budget. As a local object it lets the compiler keep
    /// the budget in a register.
    context(context& parent, waker& self) noexcept : context{parent, self, parent.deadline} { lend_to(self); }
    explicit context(context& parent) noexcept : context{parent, parent.wk, parent.deadline} {}
    /// With another deadline, for what is polled through it.
    context(context& parent, time_point earlier) noexcept : context{parent, parent.wk, earlier} {}

    context(const context&) = delete;
    context& operator=(const context&) = delete;
    ~context() {
        if (parent_ != nullptr) parent_->budget_ = budget_;
    }

    /// What a waker runs by itself from now on is for the same request.
    void lend_to(waker& self) const noexcept { self.set_deadline(deadline); }

    /// Takes one unit. False when none was left: then return `yield()`.
    bool spend() noexcept { return --budget_ > 0; }

    /// Polls again in the executor's next turn.
    pending_t yield() noexcept {
        wk.defer();
        return pending;
    }

private:
    context(context& parent, waker& self, time_point by) noexcept
        : ex{parent.ex}, wk{self}, deadline{by}, parent_{&parent}, budget_{parent.budget_} {}

    context* parent_ = nullptr;
    int budget_ = polls_per_run;
};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class executor;

/// The arguments of a poll: the waker to wake when another poll is worthwhile, the deadline of the request, and a
/// budget.
///
/// The budget bounds one run of a waker: every loop over items that are ready spends one unit per item and yields when
/// none is left, so that no source starves the rest of the executor.
class context {
public:
    static constexpr int polls_per_run = 1024;

    /// The time at which the caller gives up on the request, so that callees can skip useless work. The operation that
    /// set the deadline enforces it. A waker keeps the deadline for the runs that no poll causes.
    time_point deadline;

    /// For a waker that starts to run.
    explicit context(weir::waker& self) noexcept : context{self, self.deadline(), polls_per_run} {}
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    weir::waker& waker() const noexcept { return waker_; }
    weir::executor& executor() const noexcept { return waker_.queue().owner(); }

    /// Gives the waker this request's deadline and makes it belong to the root that runs now. For an operator with a
    /// driver, which runs by itself.
    void propagate_deadline_to(weir::waker& self) const noexcept {
        self.set_deadline(deadline);
        self.belong_to(waker_);
    }

    /// Whether a callee dropped the operation that runs. The operation must then poll and call nothing more, and return
    /// `pending`.
    bool stopping() const noexcept { return waker_.queue().stopping(); }

    /// Whether a callee dropped an operation to which this one may belong. A loop that holds no item yields then: if
    /// the operation was dropped it calls nothing more, and if it was not it loses nothing.
    bool leaving() const noexcept { return waker_.queue().leaving(); }

    /// Takes one unit of the budget. Returns false when none was left; the caller must then return `yield()`.
    bool spend() noexcept {
        if (--budget_ != 0) [[likely]]
            return true;
        budget_ = 1; // the next call finds none either
        return false;
    }

    /// How many items a loop may hand on before it yields, at least one. A loop that counts them by itself takes as
    /// many units when it ends.
    int budget() const noexcept { return budget_; }
    /// Takes n units, of which there are as many. False when none was left.
    bool spend(int n) noexcept {
        budget_ -= n;
        if (budget_ != 0) [[likely]]
            return true;
        budget_ = 1;
        return false;
    }

    /// Schedules another poll for the executor's next turn.
    pending_t yield() noexcept {
        waker_.defer();
        return pending;
    }

private:
    friend class nested_context;

    context(weir::waker& self, time_point by, int budget) noexcept : deadline{by}, waker_{self}, budget_{budget} {}

    weir::waker& waker_;
    int budget_; // the units that are left plus one; at least 1
};

/// The context of a poll within a poll. It spends the parent's budget. As a local object it lets the compiler keep the
/// budget in a register.
class nested_context final : public context {
public:
    nested_context(context& parent, weir::waker& self) noexcept : nested_context{parent, self, parent.deadline} {
        parent.propagate_deadline_to(self);
    }
    explicit nested_context(context& parent) noexcept : nested_context{parent, parent.waker(), parent.deadline} {}
    /// With an earlier deadline for the operations that are polled with this context.
    nested_context(context& parent, time_point earlier) noexcept : nested_context{parent, parent.waker(), earlier} {}
    ~nested_context() { parent_.budget_ = budget_; }

private:
    nested_context(context& parent, weir::waker& self, time_point by) noexcept
        : context{self, by, parent.budget_}, parent_{parent} {}

    context& parent_;
};

} // namespace weir

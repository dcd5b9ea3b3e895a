// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>

namespace weir {

class executor;

/// What a poll is made with: the waker to wake when it is worthwhile to poll again, the deadline of the request that it
/// serves, and a budget.
///
/// The budget bounds how long one run of a waker may go on: every loop over items that are ready spends one unit an
/// item and yields when none is left, so that no source starves the rest of the executor.
class context {
public:
    static constexpr int polls_per_run = 1024;

    waker& wk;
    /// When the request has failed for being late: for whoever can save work that would be for nothing. Whoever set it
    /// enforces it. A waker keeps it for the time when it runs by itself.
    time_point deadline;

    /// For a waker that begins to run.
    explicit context(waker& self) noexcept : context{self, self.deadline(), polls_per_run} {}
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    executor& ex() const noexcept { return wk.queue().owner(); }

    /// What a waker runs by itself from now on is for the same request.
    void lend_to(waker& self) const noexcept {
        self.set_deadline(deadline);
        self.belong_to(wk);
    }

    /// Whether what runs was dropped by what it called. Then nothing more is polled or called, and the answer is pending.
    bool stopping() const noexcept { return wk.queue().stopping(); }

    /// Whether something was dropped that what runs may belong to. A loop that has nothing in hand yields then: what runs
    /// calls nothing more if it was dropped, and loses nothing if it was not.
    bool leaving() const noexcept { return wk.queue().leaving(); }

    /// Takes one unit. False when none was left: then return `yield()`.
    bool spend() noexcept {
        if (--budget_ != 0) [[likely]]
            return true;
        budget_ = 1; // none the next time either
        return false;
    }

    /// Polls again in the executor's next turn.
    pending_t yield() noexcept {
        wk.defer();
        return pending;
    }

private:
    friend class nested_context;

    context(waker& self, time_point by, int budget) noexcept : wk{self}, deadline{by}, budget_{budget} {}

    int budget_; // one more than is left, never less than 1
};

/// For a poll made on behalf of another: spends the parent's budget. As a local object it lets the compiler keep the
/// budget in a register.
class nested_context final : public context {
public:
    nested_context(context& parent, waker& self) noexcept : nested_context{parent, self, parent.deadline} {
        lend_to(self);
    }
    explicit nested_context(context& parent) noexcept : nested_context{parent, parent.wk, parent.deadline} {}
    /// With another deadline, for what is polled through it.
    nested_context(context& parent, time_point earlier) noexcept : nested_context{parent, parent.wk, earlier} {}
    ~nested_context() { parent_.budget_ = budget_; }

private:
    nested_context(context& parent, waker& self, time_point by) noexcept
        : context{self, by, parent.budget_}, parent_{parent} {}

    context& parent_;
};

} // namespace weir

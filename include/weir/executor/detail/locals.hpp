// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/locals.hpp>
#include <weir/core/detail/root_waker.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// The task-locals of the code that runs on this thread.
locals_ref locals_here() noexcept;

/// Sets the task-locals of code on this thread that no executor runs, while this object exists.
class locals_on_thread {
public:
    explicit locals_on_thread(const locals_ref& locals) noexcept;
    locals_on_thread(const locals_on_thread&) = delete;
    locals_on_thread& operator=(const locals_on_thread&) = delete;
    ~locals_on_thread();

private:
    const locals_ref* outer_;
};

/// The waker of a part of a root that has task-locals of its own. A wake of it wakes the root's waker.
class local_scope final : public root_waker {
public:
    local_scope() noexcept : root_waker{&pass_on} {}
    local_scope(local_scope&&) noexcept = default;

    /// To be called once, before the first use.
    /// @throws std::bad_alloc
    void open(run_queue& queue, root_record* parent, locals_ref values);
    /// To be called before each poll of the part, which the outer waker makes.
    /// @throws std::bad_alloc
    void enter(const waker& outer);
    /// To be called when the part waits.
    void wait(waker& outer) noexcept { outer_.arm(outer); }

private:
    friend described;

    static void pass_on(waker& self) noexcept { static_cast<local_scope&>(self).outer_.wake(); }
    void describe(wait_report& report);

    described_slot outer_{*this};
};

} // namespace weir::detail

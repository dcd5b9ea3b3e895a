// SPDX-License-Identifier: MIT
#include <weir/executor/detail/locals.hpp>

#include <new>
#include <utility>

#include <weir/executor/executor.hpp>

namespace weir::detail {

namespace {

constinit thread_local const locals_ref* on_thread = nullptr;

} // namespace

locals_ref locals_here() noexcept {
    if (executor* const here = executor::current(); here != nullptr) {
        if (locals_ref values = executor_access::queue(*here).locals()) return values;
    }
    // An executor that a function runs on this thread inherits the values of the function.
    return on_thread != nullptr ? *on_thread : locals_ref{};
}

locals_on_thread::locals_on_thread(const locals_ref& locals) noexcept : outer_{std::exchange(on_thread, &locals)} {}

locals_on_thread::~locals_on_thread() { on_thread = outer_; }

void local_scope::open(run_queue& queue, root_record* parent, locals_ref values) {
    root_record* const own = queue.add_scope(parent, std::move(values));
    if (own == nullptr) throw std::bad_alloc{};
    become_root(queue, own);
}

void local_scope::enter(const waker& outer) {
    if (!queue().move_scope(*this, outer.root())) throw std::bad_alloc{};
}

void local_scope::describe(wait_report& report) {
    report.stage(nullptr, "with_local: " + text_of(run_queue::locals_of(*this)));
    report.cause(*this);
}

} // namespace weir::detail

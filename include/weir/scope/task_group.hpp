// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/intrusive_list.hpp>
#include <weir/core/detail/lazy_operation.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/root_waker.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/time.hpp>
#include <weir/core/waker.hpp>
#include <weir/executor/detail/cleanup.hpp>
#include <weir/executor/executor.hpp>
#include <weir/scope/detail/failure_list.hpp>
#include <weir/scope/group_error.hpp>

namespace weir {

class task_group;

/// What happens to the other operations of a group when one fails.
enum class group_errors {
    fail_fast, ///< the others are dropped, and `join` throws the error
    collect,   ///< the others continue, and `join` throws a group_error with all errors
};

struct task_group_options {
    /// The maximum number of operations that run at the same time, > 0. Others wait for a place.
    std::size_t max_concurrent = std::numeric_limits<std::size_t>::max();
    group_errors errors = group_errors::fail_fast;
    /// The result of `deadline()` inside the group. It is not enforced. with_group uses its caller's deadline if that
    /// is earlier.
    time_point deadline = time_point::max();
    /// `task_groups(executor)` counts the operations of the groups that have a name. It is read once.
    const char* name = nullptr;
};

namespace detail {

/// @throws std::invalid_argument when max_concurrent is 0 or the name is empty
void check(const task_group_options& options);

/// An operation of a task group.
class group_member : public list_link {
public:
    virtual void start(run_queue& queue, root_record* group, time_point deadline) noexcept = 0;
    /// Destroys the operation: at once, or when it has left the stack.
    virtual void destroy() noexcept = 0;
    /// Destroys an operation that has ended.
    virtual void die() noexcept = 0;
    virtual live_root shown() noexcept = 0;

protected:
    ~group_member() = default;
};

template <class A>
class group_task;

} // namespace detail

/// Runs operations concurrently. None of them outlives the group.
///
///     weir::task<> serve(weir::tcp_listener& listener) {
///         weir::task_group group{{.max_concurrent = 100}};
///         auto connections = weir::accept(listener);
///         while (auto socket = co_await weir::next(connections)) {
///             co_await group.wait_for_capacity();
///             group.spawn(talk(*std::move(socket)));
///         }
///         co_await group.join();
///     }
///
/// A group cannot be moved. It may be used again after a `join`, also after one that has thrown.
///
/// Errors: `join` throws them. An error that no `join` has reported goes to the executor's handler.
/// Dropped: destroying the group drops its operations at once. Their cleanups continue in the group or executor around
/// it; use with_group to wait for them.
/// Cost: one allocation per operation, from a pool.
/// See: with_group, when_all, map_async, task_groups.
class task_group final : private detail::cleanups_owner {
public:
    /// Creates a group on the running executor, inside the group of the running operation.
    /// @throws std::logic_error when no executor runs on this thread
    explicit task_group(task_group_options options = {});
    explicit task_group(executor& ex, task_group_options options = {});
    task_group(const task_group&) = delete;
    task_group& operator=(const task_group&) = delete;
    ~task_group();

    /// Starts an operation in the executor's next turn, or when a place is free where the group has a limit. Between a
    /// failure and the `join` that reports it, the operation is dropped instead.
    template <operation A>
    void spawn(A operation, std::source_location place = std::source_location::current());
    /// The same with a function that returns the operation. The function is called when the operation starts, and is
    /// kept as long as the operation.
    template <class F>
        requires(!operation<F>)
    void spawn(F f, std::source_location place = std::source_location::current()) {
        if constexpr (detail::returns_operation<F&>) {
            spawn(detail::lazy_operation<F>(std::move(f)), place);
        } else {
            detail::cannot_be_run<F>();
        }
    }

    /// Drops the operations that run and those that wait for a place. Cleanups that were started continue.
    void cancel() noexcept;

    /// The number of operations that run, and of those that wait for a place.
    std::size_t running() const noexcept { return running_; }
    std::size_t waiting() const noexcept { return waiting_; }

    class join_operation;
    class capacity_operation;

    /// `co_await group.join()`: waits until all operations and all cleanups have finished; rethrows their failure.
    join_operation join() noexcept;

    /// `co_await group.wait_for_capacity()`: waits until an operation that is spawned now starts without waiting.
    capacity_operation wait_for_capacity() noexcept;

private:
    template <class A>
    friend class detail::group_task;
    template <class F>
    friend class with_group_operation;

    task_group(executor& ex, detail::root_record* owner, std::uint32_t outer, task_group_options options);

    /// Allocates room for the errors of all operations and one more.
    void make_room_for_failures() {
        if (!fails_fast()) failures_.make_room(running_ + waiting_ + 2); // 2: for the body of a with_group too
    }
    void describe(detail::wait_report& report) const override;
    void list(detail::live_roots& into) override;
    void add(detail::group_member& one) noexcept;
    void start(detail::group_member& one) noexcept;
    void start_more() noexcept;
    /// Moves all members but the body of a with_group.
    void take_all(detail::intrusive_list<detail::group_member>& into) noexcept;
    /// Adds the body of a with_group. Its failure drops all others.
    void add_body(detail::group_member& body) noexcept;
    /// Handles the end of a member, and destroys the member.
    void ended(detail::group_member& one, std::exception_ptr error, std::source_location place) noexcept;

    bool fails_fast() const noexcept { return options_.errors == group_errors::fail_fast; }
    bool quiet() const noexcept { return running_ == 0 && waiting_ == 0 && cleanups_.empty(); }
    void rethrow();

    executor& executor_;
    std::uint32_t outer_;
    std::uint32_t number_ = 0;
    detail::root_record* record_ = nullptr; // the record to which the members belong as roots
    task_group_options options_;
    detail::group_member* body_ = nullptr;
    detail::intrusive_list<detail::group_member> started_;
    detail::intrusive_list<detail::group_member> queued_;
    std::size_t running_ = 0;
    std::size_t waiting_ = 0;
    detail::group_counts* counts_ = nullptr; // of a group with a name
    detail::failure_list failures_;
    detail::cleanups cleanups_{*this}; // and the waiters for the group
};

namespace detail {

template <class A>
class group_task final : public root_waker, public group_member, public pooled {
public:
    group_task(task_group& group, A operation, std::source_location place)
        : root_waker{&run}, group_{group}, operation_(std::move(operation)), place_{place} {}

    void start(run_queue& queue, root_record* group, time_point deadline) noexcept override {
        become_root(queue, root_kind::member, group);
        set_deadline(deadline);
        wake_first();
        inherit_locals();
    }

    void destroy() noexcept override {
        if (!bound()) {
            delete this; // it had no place yet
            return;
        }
        dropped_ = true;
        queue().drop(*this, [](waker& self) noexcept { delete &static_cast<group_task&>(self); });
    }
    void die() noexcept override {
        queue().leave(*this);
        delete this;
    }
    live_root shown() noexcept override {
        return {this, nullptr, drawing_of(operation_), place_, "member of a task group"};
    }

private:
    static void run(waker& self) noexcept {
        auto& me = static_cast<group_task&>(self);
        std::exception_ptr error;
        try {
            context cx{me};
            if (me.operation_.poll_result(cx).is_pending()) return;
        } catch (...) {
            error = std::current_exception();
        }
        if (!me.dropped_) me.group_.ended(me, std::move(error), me.place_);
    }

    task_group& group_;
    A operation_;
    std::source_location place_;
    bool dropped_ = false;
};

/// A task is its own waker.
template <class T>
class group_task<task<T>> final : public group_member, public coroutine_owner, public pooled {
public:
    group_task(task_group& group, task<T> operation, std::source_location place)
        : group_{group}, operation_(std::move(operation)), place_{place} {
        WEIR_ASSERT(operation_.state_ != nullptr, "a task was spawned after it had ended, or was moved away");
        operation_.state_->owned_by(*this);
    }

    void start(run_queue& queue, root_record* group, time_point deadline) noexcept override {
        operation_.state_->set_deadline(deadline);
        operation_.state_->start(queue, root_kind::member, group);
    }

    void destroy() noexcept override {
        if (operation_.state_->bound()) {
            operation_.state_->drop_root();
        } else {
            delete this; // it had no place yet
        }
    }
    void die() noexcept override {
        operation_.state_->queue().leave(*operation_.state_);
        delete this;
    }
    live_root shown() noexcept override {
        return {operation_.state_, operation_.state_, {}, place_, "member of a task group"};
    }

private:
    void ended() noexcept override { group_.ended(*this, operation_.state_->error(), place_); }

    task_group& group_;
    task<T> operation_;
    std::source_location place_;
};

} // namespace detail

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] task_group::join_operation {
public:
    using result_type = unit;

    explicit join_operation(task_group& group) noexcept : group_{&group} {}

    poll<unit> poll_result(context& cx) {
        if (!group_->quiet()) {
            group_->cleanups_.wait(waiter_, cx);
            return pending;
        }
        group_->rethrow();
        return unit{};
    }

private:
    task_group* group_;
    detail::cleanups::waiter waiter_;
};

class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] task_group::capacity_operation {
public:
    using result_type = unit;

    explicit capacity_operation(task_group& group) noexcept : group_{&group} {}

    poll<unit> poll_result(context& cx) noexcept {
        if (group_->running_ < group_->options_.max_concurrent) return unit{};
        group_->cleanups_.wait(waiter_, cx);
        return pending;
    }

private:
    task_group* group_;
    detail::cleanups::waiter waiter_;
};

inline task_group::join_operation task_group::join() noexcept { return join_operation{*this}; }
inline task_group::capacity_operation task_group::wait_for_capacity() noexcept { return capacity_operation{*this}; }

template <operation A>
void task_group::spawn(A operation, std::source_location place) {
    if (fails_fast() && !failures_.empty()) return;
    make_room_for_failures();
    add(*new detail::group_task<A>{*this, std::move(operation), place});
}

} // namespace weir

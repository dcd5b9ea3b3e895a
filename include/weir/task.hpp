// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <concepts>
#include <coroutine>
#include <cstdint>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/coroutine.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stage_outline.hpp>

namespace weir {

template <class T>
class task;

namespace detail {

template <class A>
class spawned_handle;
template <class T>
class detached_task;
template <class A>
class group_task;

/// The object type of a coroutine's result.
template <class T>
using result_object_t = typename as_result<T>::type;

/// The state of a task, with storage for the result.
template <class T>
class task_state : public coroutine_state {
    static_assert(fits_in_frame<T>, "weir::task<T>: T is aligned more strictly than a coroutine's frame; return a "
                                    "std::unique_ptr<T>");

public:
    task_state() noexcept {}
    task_state(const task_state&) = delete;
    task_state& operator=(const task_state&) = delete;
    ~task_state() { discard(); }

    template <class U>
    void set(U&& value) {
        ::new (static_cast<void*>(std::addressof(value_))) T(static_cast<T>(std::forward<U>(value)));
        enter(returned);
    }
    /// To be called at the end of the coroutine.
    void finish() noexcept {
        coroutine_state::finish([](waker& self) noexcept { dispose(static_cast<task_state&>(self)); });
        if (is(dropped)) [[unlikely]]
            discard(); // a dropped task has no use for its result
    }

    /// Runs the coroutine as far as possible. Returns an item when it has finished.
    poll<unit> poll_finished(context& cx) noexcept {
        if (phase_ == resumable) resume(cx);
        if (phase_ == (finished | returned)) [[likely]]
            return unit{};
        return without_result(cx, cx.waker());
    }
    /// The same on behalf of a running coroutine.
    poll<unit> poll_finished(coroutine_state& waiting) noexcept {
        if (phase_ == resumable) resume(waiting.running_with());
        if (phase_ == (finished | returned)) [[likely]]
            return unit{};
        return without_result(waiting.running_with(), waiting);
    }

    /// Schedules its start as a root.
    void start(run_queue& queue, root_kind kind, root_record* parent) noexcept {
        become_root(queue, kind, parent);
        coroutine_state::start();
        inherit_locals();
    }

    bool has_ended() const noexcept { return is(finished); }
    /// The error of a finished task, if it has failed.
    std::exception_ptr error() noexcept { return is(failed) ? take_error() : nullptr; }

    /// Returns the result or throws the error of a finished task. The task is destroyed before.
    T take() {
        if (is(failed)) [[unlikely]]
            rethrow();
        const struct disposal {
            task_state& state;
            ~disposal() { dispose(state); }
        } at_exit{*this};
        return std::move(value_);
    }

    /// For a task that is not a root.
    void drop() noexcept {
        if (is(finished) && !is(ending)) {
            dispose(*this);
        } else {
            coroutine_state::drop();
        }
    }

private:
    poll<unit> without_result(const context& cx, waker& waiting) noexcept {
        if (ended()) return unit{};
        return wait(cx, waiting);
    }
    friend coroutine_state;

    [[noreturn, gnu::noinline]] void rethrow() {
        std::exception_ptr error = take_error();
        dispose(*this);
        std::rethrow_exception(std::move(error));
    }
    void destroy_outcome() noexcept {
        discard();
        coroutine_state::destroy_outcome();
    }
    void discard() noexcept {
        if constexpr (!std::is_trivially_destructible_v<T>) {
            if (!is(returned)) return;
            leave(returned);
            std::destroy_at(std::addressof(value_));
        } else {
            leave(returned);
        }
    }

    union {
        T value_;
    };
};

template <class T>
class task_promise : public coroutine_promise<task_state<T>> {
public:
    auto final_suspend() noexcept {
        this->state().finish();
        return std::suspend_always{};
    }

    template <std::convertible_to<T> U = T>
    void return_value(U&& value) {
        this->state().set(std::forward<U>(value));
    }
};

template <>
class task_promise<unit> : public coroutine_promise<task_state<unit>> {
public:
    auto final_suspend() noexcept {
        state().finish();
        return std::suspend_always{};
    }
    void return_void() { state().set(unit{}); }
};

} // namespace detail

/// A coroutine with one result or one exception. It starts when it is first awaited, and runs in place until it has to
/// wait. Its parameters and locals are destroyed when it ends.
///
///     weir::task<int> answer() {
///         co_await weir::sleep_for(1s);
///         co_return 42;
///     }
///
/// Awaiting a task that completes without waiting does not suspend the awaiter, so that loops over ready tasks do not
/// grow the stack. T may be void or an lvalue reference.
///
/// Dropped: destroying the task destroys the coroutine at its present suspension.
/// Cost: one allocation, from a pool per thread.
/// See: async_stream, run, when_all.
template <class T = void>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] task {
    static_assert(!std::is_rvalue_reference_v<T>, "weir::task<T>: return the object itself");

public:
    using result_type = detail::result_object_t<T>;

    struct promise_type final : detail::task_promise<result_type> {
        task get_return_object() noexcept { return task{&this->state()}; }
    };

    task(task&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
    task& operator=(task&& other) noexcept {
        if (state_type* old = std::exchange(state_, std::exchange(other.state_, nullptr))) old->drop();
        return *this;
    }
    ~task() {
        if (state_ != nullptr) state_->drop();
    }

    poll<result_type> poll_result(context& cx) {
        WEIR_ASSERT(state_ != nullptr, "a task was awaited after it had ended, or was moved away");
        if (state_->poll_finished(cx).is_pending()) return pending;
        return std::exchange(state_, nullptr)->take();
    }

    void outline(stage_outline& out) const { out.holds({.in_user_code = 1}); }

private:
    using state_type = detail::task_state<result_type>;

    friend promise_type;
    friend detail::sole_waiter;
    friend detail::await_traits<task>;
    friend detail::spawned_handle<task>;
    friend detail::detached_task<T>;
    friend detail::group_task<task>;

    explicit task(state_type* state) noexcept : state_{state} {}

    const waker* waiting() const noexcept { return state_ != nullptr ? state_->waiting() : nullptr; }

    state_type& release() noexcept {
        WEIR_ASSERT(state_ != nullptr, "a task was spawned after it had ended, or was moved away");
        return *std::exchange(state_, nullptr);
    }

    state_type* state_;
};

/// The result stays in the task until the awaiting coroutine resumes.
template <class T>
struct detail::await_traits<task<T>> {
    using answer = poll<unit>;

    static answer ask(task<T>& operation, coroutine_state& self) noexcept {
        WEIR_ASSERT(operation.state_ != nullptr, "a task was awaited after it had ended, or was moved away");
        return operation.state_->poll_finished(self);
    }
    static T result(task<T>& operation, answer&&) {
        if constexpr (std::is_void_v<T>) {
            operation.release().take();
        } else {
            return operation.release().take();
        }
    }
};

} // namespace weir

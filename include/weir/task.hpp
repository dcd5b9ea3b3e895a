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

template <class T>
class task_promise;

/// A coroutine's `T` as an object.
template <class T>
using result_object_t = typename as_result<T>::type;

/// A promise with a place for the result.
template <class T>
class task_result : public coroutine_promise {
public:
    template <std::convertible_to<T> U = T>
    void return_value(U&& value) {
        ::new (static_cast<void*>(std::addressof(value_))) T(static_cast<T>(std::forward<U>(value)));
        enter(returned);
    }

protected:
    task_result() noexcept {}
    ~task_result() {
        static_assert(fits_in_frame<T>, "weir::task<T>: T is aligned more strictly than a coroutine's frame; return a "
                                        "std::unique_ptr<T>");
        if (is(returned)) std::destroy_at(std::addressof(value_));
    }

    bool succeeded() const noexcept { return phase_ == (finished | returned); }
    poll<T> take() { return std::move(value_); }

private:
    union {
        T value_;
    };
};

template <>
class task_result<unit> : public coroutine_promise {
public:
    void return_void() const noexcept {}

protected:
    bool succeeded() const noexcept { return phase_ == finished; }
    poll<unit> take() { return unit{}; }
};

template <class T>
class task_promise final : public task_result<result_object_t<T>> {
public:
    task<T> get_return_object() noexcept { return task<T>{this}; }

    /// Runs it as far as it can; an item when it is finished.
    poll<unit> poll_finished(context& cx) noexcept {
        if (this->phase_ == coroutine_promise::resumable) this->resume(cx);
        if (this->succeeded()) [[likely]]
            return unit{};
        return without_result(cx, cx.wk);
    }
    /// On behalf of a coroutine that runs.
    poll<unit> poll_finished(coroutine_promise& waiting) noexcept {
        if (this->phase_ == coroutine_promise::resumable) this->resume(waiting.running_with());
        if (this->succeeded()) [[likely]]
            return unit{};
        return without_result(waiting.running_with(), waiting);
    }

    /// Lets the run queue start it.
    void start(run_queue& queue) noexcept {
        this->bind(queue);
        coroutine_promise::start();
    }

    /// The error of one that is finished, if it has failed.
    std::exception_ptr error() noexcept {
        return this->is(coroutine_promise::failed) ? std::exchange(this->error_, nullptr) : nullptr;
    }
    bool finished() const noexcept { return this->is(coroutine_promise::finished); }

    /// The result, or the error, of one that is finished.
    poll<result_object_t<T>> result() {
        if (this->is(coroutine_promise::failed)) [[unlikely]]
            this->rethrow();
        return this->take();
    }

private:
    poll<unit> without_result(const context& cx, waker& waiting) noexcept {
        if (this->ended()) return unit{};
        return this->wait(cx, waiting);
    }
};

} // namespace detail

/// A coroutine with one result, or one exception. It starts when it is first awaited, runs in place as far as it can,
/// and is destroyed, wherever it stands, with the task.
///
///     weir::task<int> answer() {
///         co_await weir::sleep_for(1s);
///         co_return 42;
///     }
///
/// Awaiting a task that completes without waiting never suspends its awaiter, so loops over ready tasks do not grow
/// the stack. T may be void, or an lvalue reference. One allocation from a per-thread pool.
template <class T = void>
class [[nodiscard]] task {
    static_assert(!std::is_rvalue_reference_v<T>, "weir::task<T>: return the object itself");

public:
    using result_type = detail::result_object_t<T>;
    using promise_type = detail::task_promise<T>;

    task(task&& other) noexcept : promise_{std::exchange(other.promise_, nullptr)} {}
    task& operator=(task&& other) noexcept {
        if (promise_type* old = std::exchange(promise_, std::exchange(other.promise_, nullptr))) old->drop();
        return *this;
    }
    ~task() {
        if (promise_ != nullptr) promise_->drop();
    }

    poll<result_type> poll_result(context& cx) {
        WEIR_ASSERT(promise_ != nullptr, "a task was awaited after it was moved away");
        if (promise_->poll_finished(cx).is_pending()) return pending;
        return promise_->result();
    }

private:
    friend promise_type;
    friend detail::awaited<task>;
    friend detail::spawned_handle<task>;
    friend detail::detached_task<T>;
    friend detail::group_task<task>;

    explicit task(promise_type* promise) noexcept : promise_{promise} {}

    promise_type& release() noexcept {
        WEIR_ASSERT(promise_ != nullptr, "a task was spawned after it was moved away");
        return *std::exchange(promise_, nullptr);
    }

    promise_type* promise_;
};

/// The result stays in the task until the coroutine that awaits it goes on.
template <class T>
struct detail::awaited<task<T>> {
    using answer = poll<unit>;

    static answer ask(task<T>& operation, coroutine_promise& self) noexcept {
        WEIR_ASSERT(operation.promise_ != nullptr, "a task was awaited after it was moved away");
        return operation.promise_->poll_finished(self);
    }
    static T result(task<T>& operation, answer&&) {
        auto result = operation.promise_->result();
        if constexpr (!std::is_void_v<T>) return *std::move(result);
    }
};

} // namespace weir

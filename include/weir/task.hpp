#pragma once

#include <concepts>
#include <coroutine>
#include <type_traits>
#include <utility>

#include <weir/core/coroutine.hpp>
#include <weir/core/stream.hpp>

namespace weir {

template <class T>
class task;

namespace detail {

template <class A>
class spawned;

template <class T>
class task_promise;

template <class T>
class task_result {
public:
    template <std::convertible_to<T> U = T>
    void return_value(U&& value) {
        result_ = poll<T>{T(std::forward<U>(value))};
    }

protected:
    poll<T> take() { return std::move(result_); }

private:
    poll<T> result_{pending};
};

template <>
class task_result<unit> {
public:
    void return_void() const noexcept {}

protected:
    poll<unit> take() { return unit{}; }
};

/// A coroutine's `T` as an object.
template <class T>
using result_object_t = typename as_result<T>::type;

template <class T>
class task_promise final : public resumable<task_promise<T>>, public task_result<result_object_t<T>> {
public:
    task<T> get_return_object() noexcept { return task<T>{this}; }

    /// Runs it as far as it can; an item when it is finished.
    poll<unit> poll_finished(context& cx) noexcept {
        if (this->phase_ == phase::resumable && !this->resume(cx)) [[unlikely]]
            return pending;
        if (this->phase_ != phase::finished) return this->wait(cx);
        return unit{};
    }

    /// Lets the run queue start it.
    void start(run_queue& queue) noexcept {
        this->bind(queue);
        if (this->phase_ != phase::resumable) return;
        this->phase_ = phase::queued;
        this->wake();
    }

    bool finished() const noexcept { return this->phase_ == phase::finished; }

    /// The result, or the error, of one that is finished.
    poll<result_object_t<T>> result() {
        if (this->failed()) [[unlikely]]
            this->rethrow();
        return this->take();
    }

private:
    using phase = typename coroutine_promise::phase;
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
    friend detail::spawned<task>;

    explicit task(promise_type* promise) noexcept : promise_{promise} {}

    promise_type* promise_;
};

/// The result stays in the task until the coroutine that awaits it goes on.
template <class T>
struct detail::awaited<task<T>> {
    using answer = poll<unit>;

    static answer ask(task<T>& operation, context& cx) noexcept {
        WEIR_ASSERT(operation.promise_ != nullptr, "a task was awaited after it was moved away");
        return operation.promise_->poll_finished(cx);
    }
    static T result(task<T>& operation, answer&&) {
        auto result = operation.promise_->result();
        if constexpr (!std::is_void_v<T>) return *std::move(result);
    }
};

} // namespace weir

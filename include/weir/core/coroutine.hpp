#pragma once

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/frame_pool.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

class yield_operation;

/// The part of a promise that generators and tasks share: how the coroutine awaits, is resumed, and is dropped.
///
/// The coroutine is its own waker. It is resumed from two places only: by the poll of its consumer, and by the run
/// queue when what it awaits has woken it; never from inside a completion.
class coroutine_promise : public waker, public pooled {
public:
    coroutine_promise(const coroutine_promise&) = delete;
    coroutine_promise& operator=(const coroutine_promise&) = delete;

    std::suspend_always initial_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error_ = std::current_exception(); }

    template <class A>
    auto await_transform(A&& operation) noexcept;
    auto await_transform(yield_operation&&) noexcept { return to_the_back{*this}; }

protected:
    enum class phase : unsigned char {
        resumable, // not started, or at a co_yield whose item was taken
        queued,    // to be started, or to go on, by the run queue
        awaiting,
        yielded, // at a co_yield, reached while nobody polled
        finished,
    };

    explicit coroutine_promise(waker::function run) noexcept : waker{run} {}
    ~coroutine_promise() = default;

    [[noreturn]] void rethrow() { std::rethrow_exception(std::exchange(error_, nullptr)); }
    bool failed() const noexcept { return error_ != nullptr; }
    /// It goes on by itself.
    bool suspended() const noexcept { return phase_ == phase::queued || phase_ == phase::awaiting; }

    /// For a poll that finds the coroutine waiting.
    pending_t wait(context& cx) noexcept {
        cx.lend_to(*this);
        consumer_.arm(cx.wk);
        return pending;
    }

    phase phase_ = phase::resumable;
    bool dropped_ = false;
    context* cx_ = nullptr; // while it runs
    waker_slot consumer_;

private:
    template <class>
    friend class await_operation;
    template <class>
    friend class resumable;

    /// `co_await yield()` polls nothing, neither now nor when it is this coroutine's turn again.
    struct to_the_back {
        coroutine_promise& promise;

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept {
            if (promise.dropped_) [[unlikely]]
                return;
            promise.bind(promise.cx_->wk);
            promise.wake();
            promise.phase_ = phase::queued;
        }
        void await_resume() const noexcept {}
    };

    std::exception_ptr error_;
    // While it awaits: the await_operation, and what polls that again; true when the coroutine may go on.
    void* await_;
    bool (*again_)(void*, context&) noexcept;
};

/// What needs to know the promise's type, to find the coroutine from it.
template <class Promise>
class resumable : public coroutine_promise {
public:
    auto final_suspend() noexcept {
        phase_ = phase::finished;
        return std::suspend_always{};
    }

    /// Destroys the frame, or, when the coroutine drops itself while it runs, leaves that to whoever resumed it.
    void drop() noexcept {
        if (cx_ != nullptr) {
            dropped_ = true;
        } else {
            handle().destroy();
        }
    }

protected:
    resumable() noexcept : coroutine_promise{&run} {}
    ~resumable() = default;

    /// Runs the coroutine to its next suspension. False when it dropped itself: then nothing of it may be touched.
    bool resume(context& cx) noexcept {
        cx_ = &cx;
        handle().resume();
        cx_ = nullptr;
        if (dropped_) [[unlikely]] {
            handle().destroy();
            return false;
        }
        return true;
    }

private:
    std::coroutine_handle<Promise> handle() noexcept {
        return std::coroutine_handle<Promise>::from_promise(static_cast<Promise&>(*this));
    }

    static void run(waker& self) noexcept {
        auto& promise = static_cast<resumable&>(self);
        context cx{promise};
        if (promise.phase_ == phase::awaiting) {
            promise.cx_ = &cx;
            const bool ready = promise.again_(promise.await_, cx);
            promise.cx_ = nullptr;
            if (promise.dropped_) [[unlikely]] {
                promise.handle().destroy();
                return;
            }
            if (!ready) return;
        } else if (promise.phase_ != phase::queued) {
            return; // a late wake, from something that the coroutine no longer waits for
        }
        promise.phase_ = phase::resumable;
        if (!promise.resume(cx) || promise.suspended()) return;
        if (promise.phase_ == phase::resumable) promise.phase_ = phase::yielded;
        promise.consumer_.wake();
    }
};

/// How a coroutine awaits an operation: what it asks and keeps until it goes on, and what that becomes. An operation
/// specialises it where its result is better made last, from something smaller.
template <class A>
struct awaited {
    using answer = poll<typename A::result_type>;

    static answer ask(A& operation, context& cx) { return operation.poll_result(cx); }
    static await_result_t<A> result(A&, answer&& a) {
        if constexpr (!std::is_void_v<await_result_t<A>>) return *std::move(a);
    }
};

/// `co_await operation`: polls it in place; suspends only when it answers pending.
///
/// It refers to the operation, which lives at least until the end of the full expression.
template <class A>
class await_operation {
public:
    await_operation(coroutine_promise& promise, A& operation) noexcept : promise_{promise}, operation_{operation} {}
    await_operation(const await_operation&) = delete;
    await_operation& operator=(const await_operation&) = delete;

    bool await_ready() {
        // A coroutine that dropped itself ends here; what polled it may be gone.
        if (promise_.dropped_) [[unlikely]]
            return false;
        promise_.bind(promise_.cx_->wk);
        context cx{*promise_.cx_, promise_};
        if (!cx.spend()) [[unlikely]] {
            promise_.defer();
            return false;
        }
        answer_ = awaited<A>::ask(operation_, cx);
        return !answer_.is_pending();
    }

    void await_suspend(std::coroutine_handle<>) noexcept {
        promise_.await_ = this;
        promise_.again_ = &again;
        promise_.phase_ = coroutine_promise::phase::awaiting;
    }

    await_result_t<A> await_resume() {
        if (answer_.is_pending()) [[unlikely]]
            promise_.rethrow();
        return awaited<A>::result(operation_, std::move(answer_));
    }

private:
    static bool again(void* self, context& cx) noexcept {
        auto& me = *static_cast<await_operation*>(self);
        try {
            me.answer_ = awaited<A>::ask(me.operation_, cx);
            return !me.answer_.is_pending();
        } catch (...) {
            me.promise_.error_ = std::current_exception();
            return true;
        }
    }

    coroutine_promise& promise_;
    A& operation_;
    typename awaited<A>::answer answer_{pending};
};

template <class A>
auto coroutine_promise::await_transform(A&& operation) noexcept {
    if constexpr (!awaitable<std::remove_cvref_t<A>>) {
        static_assert(always_false<A>,
                      "co_await: not a weir operation; await a task, a sink at the end of a pipeline, next(stream), "
                      "sleep_for(duration), ...");
        return std::suspend_never{};
    } else {
        return await_operation<std::remove_reference_t<A>>{*this, operation};
    }
}

} // namespace weir::detail

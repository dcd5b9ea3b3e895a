#pragma once

#include <weir/core/detail/requirements.hpp>

#include <coroutine>
#include <exception>
#include <memory>
#include <new>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>

namespace weir::detail {

class yield_operation;

/// Whoever has a coroutine that nobody polls, and is told when that has ended.
class coroutine_owner {
public:
    virtual void ended() noexcept = 0;

protected:
    ~coroutine_owner() = default;
};

/// The part of a promise that generators and tasks share: how the coroutine awaits, is resumed, and is dropped.
///
/// The coroutine is its own waker. It is resumed from two places only: by the poll of its consumer, and by the run
/// queue when what it awaits has woken it; never from inside a completion.
class coroutine_promise : public waker, public pooled {
public:
    coroutine_promise(const coroutine_promise&) = delete;
    coroutine_promise& operator=(const coroutine_promise&) = delete;

    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_always final_suspend() noexcept {
        enter(finished);
        return {};
    }
    void unhandled_exception() noexcept {
        ::new (static_cast<void*>(&error_)) std::exception_ptr{std::current_exception()};
        enter(failed);
    }

    template <class A>
    auto await_transform(A&& operation);
    auto await_transform(yield_operation&&) noexcept { return to_the_back{*this}; }

    /// What it awaits with, while it runs.
    context& running_with() noexcept { return *cx_; }

    /// From now on nobody polls it.
    void owned_by(coroutine_owner& owner) noexcept {
        std::destroy_at(&consumer_);
        owner_ = &owner;
        has_owner_ = true;
    }

    /// Destroys the frame, or, when the coroutine drops itself while it runs, leaves that to whoever resumed it.
    void drop() noexcept {
        if (phase_ == resumable && cx_ != nullptr) {
            enter(dropped);
        } else {
            handle().destroy();
        }
    }

protected:
    /// What a coroutine is at. One that was dropped while it ran is at another as well, when it has suspended.
    enum phase : unsigned char {
        resumable = 0, // not started, or running, or at a co_yield whose item was taken
        queued = 1,    // to be started, or to go on, by the run queue
        awaiting = 2,
        yielded = 4, // at a co_yield, reached while nobody polled
        finished = 8,
        // And besides:
        returned = 16, // there is a result
        failed = 32,   // there is an error
        dropped = 64,
    };

    coroutine_promise() noexcept : waker{&go_on}, cx_{nullptr}, consumer_{} {}
    ~coroutine_promise() {
        if (is(failed)) [[unlikely]]
            std::destroy_at(&error_);
        if (!has_owner_) std::destroy_at(&consumer_);
    }

    bool is(phase what) const noexcept { return (phase_ & what) != 0; }
    /// At its end, and not dropped.
    bool ended() const noexcept { return is(finished) && !is(dropped); }
    /// Added to the phase: what was dropped stays so.
    void enter(phase next) noexcept { phase_ = static_cast<unsigned char>(phase_ | next); }

    [[noreturn]] void rethrow() { std::rethrow_exception(std::exchange(error_, nullptr)); }

    /// Runs the coroutine to its next suspension.
    void resume(context& cx) noexcept {
        cx_ = &cx;
        handle().resume();
    }

    /// For a poll that finds the coroutine neither finished nor at a co_yield: it goes on by itself, and wakes whoever
    /// waits; unless it has dropped itself: then nothing of it may be touched.
    pending_t wait(const context& cx, waker& waiting) noexcept {
        if (is(dropped)) [[unlikely]] {
            handle().destroy();
            return pending;
        }
        cx.lend_to(*this);
        consumer_.arm(waiting);
        return pending;
    }

    /// By the run queue.
    void start() noexcept {
        if (phase_ != resumable) return;
        phase_ = queued;
        wake();
    }

    unsigned char phase_ = resumable;
    bool has_owner_ = false;
    union {
        context* cx_;              // while it runs: to await with; null at a co_yield
        void* await_;              // while it awaits: the await_operation
        std::exception_ptr error_; // when it has failed
    };

private:
    template <class>
    friend class await_operation;

    /// `co_await yield()` polls nothing, neither now nor when it is this coroutine's turn again.
    struct to_the_back {
        coroutine_promise& promise;

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept {
            if (promise.phase_ != resumable) [[unlikely]] // it dropped itself
                return;
            promise.bind(promise.cx_->wk);
            promise.on_wake(&go_on);
            promise.enter(queued);
            promise.wake();
        }
        void await_resume() const noexcept {}
    };

    // The promise begins with this object, and no item in it is aligned more strictly than a frame.
    std::coroutine_handle<coroutine_promise> handle() noexcept {
        return std::coroutine_handle<coroutine_promise>::from_promise(*this);
    }

    /// The run queue's turn for one that is queued.
    static void go_on(waker& self) noexcept {
        auto& promise = static_cast<coroutine_promise&>(self);
        if (promise.phase_ != queued) return; // a late wake, from something that the coroutine no longer waits for
        context cx{promise};
        promise.phase_ = resumable;
        promise.go_on(cx);
    }
    void go_on(context& cx) noexcept {
        resume(cx);
        switch (phase_) {
        case queued:
        case awaiting:
            return;
        case resumable:
            phase_ = yielded;
            cx_ = nullptr;
            break;
        default:
            if (!is(dropped)) break;
            handle().destroy();
            return;
        }
        if (has_owner_) {
            owner_->ended();
        } else {
            consumer_.wake();
        }
    }

    union {
        waker_slot consumer_;
        coroutine_owner* owner_;
    };
};

/// How a coroutine awaits an operation: what it asks and keeps until it goes on, and what that becomes. An operation
/// specialises it where its result is better made last, from something smaller.
///
/// With an `ask(operation, self)`, the coroutine makes no context for it: an operation that is itself a coroutine, and needs to
/// know who waits only where it has to wait.
template <class A>
struct awaited {
    using answer = poll<typename A::result_type>;

    static answer ask(A& operation, context& cx) { return operation.poll_result(cx); }
    static await_result_t<A> result(A&, answer&& a) {
        if constexpr (!std::is_void_v<await_result_t<A>>) return *std::move(a);
    }
};

/// `co_await operation`: polls it in place, as soon as it is made; suspends only when that answered pending.
///
/// It refers to the operation, which lives at least until the end of the full expression.
template <class A>
class await_operation {
public:
    await_operation(coroutine_promise& promise, A& operation)
        : operation_{&operation}, answer_{first_answer(promise, operation)} {}
    await_operation(const await_operation&) = delete;
    await_operation& operator=(const await_operation&) = delete;

    bool await_ready() const noexcept { return !answer_.is_pending(); }

    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self) noexcept {
        coroutine_promise& promise = self.promise();
        promise.await_ = this;
        promise.on_wake(&poll_again);
        promise.enter(coroutine_promise::awaiting);
    }

    await_result_t<A> await_resume() {
        if (answer_.is_pending()) [[unlikely]]
            std::rethrow_exception(*error_);
        return awaited<A>::result(*operation_, std::move(answer_));
    }

private:
    using answer = typename awaited<A>::answer;

    static constexpr bool is_coroutine = requires(A& a, coroutine_promise& self) { awaited<A>::ask(a, self); };

    static answer first_answer(coroutine_promise& promise, A& operation) {
        // A coroutine that dropped itself ends here; what polled it may be gone.
        if (promise.phase_ != coroutine_promise::resumable) [[unlikely]]
            return pending;
        context& cx = *promise.cx_;
        promise.bind(cx.wk);
        if (!cx.spend()) [[unlikely]] {
            promise.defer();
            return pending;
        }
        if constexpr (is_coroutine) {
            return awaited<A>::ask(operation, promise);
        } else {
            nested_context own{cx, promise};
            return awaited<A>::ask(operation, own);
        }
    }

    /// The run queue's turn.
    static void poll_again(waker& self) noexcept {
        auto& promise = static_cast<coroutine_promise&>(self);
        if (promise.phase_ != coroutine_promise::awaiting) return; // a late wake
        auto& me = *static_cast<await_operation*>(promise.await_);
        context cx{promise};
        promise.phase_ = coroutine_promise::resumable;
        promise.cx_ = &cx;
        std::exception_ptr error;
        try {
            if constexpr (is_coroutine) {
                me.answer_ = awaited<A>::ask(*me.operation_, promise);
            } else {
                me.answer_ = awaited<A>::ask(*me.operation_, cx);
            }
        } catch (...) {
            error = std::current_exception();
        }
        if (promise.phase_ != coroutine_promise::resumable) [[unlikely]] {
            promise.handle().destroy(); // dropped
            return;
        }
        if (me.answer_.is_pending()) {
            if (error == nullptr) {
                promise.await_ = &me;
                promise.enter(coroutine_promise::awaiting);
                return;
            }
            me.error_ = &error;
        }
        promise.go_on(cx);
    }

    union {
        A* operation_;
        const std::exception_ptr* error_; // when it goes on without an answer
    };
    answer answer_;
};

template <class A>
auto coroutine_promise::await_transform(A&& operation) {
    if constexpr (!awaitable<std::remove_cvref_t<A>>) {
        static_assert(always_false<A>,
                      "co_await: not a weir operation; await a task, a sink at the end of a pipeline, next(stream), "
                      "sleep_for(duration), ...");
        return std::suspend_never{};
    } else {
        using await_t = await_operation<std::remove_reference_t<A>>;
        static_assert(fits_in_frame<A> && fits_in_frame<await_t>,
                      "co_await: the operation or its result is aligned more strictly than a coroutine's frame; run it "
                      "outside of one, or keep what is so aligned in a std::unique_ptr");
        return await_t{*this, operation};
    }
}

} // namespace weir::detail

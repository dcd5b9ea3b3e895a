// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <coroutine>
#include <cstddef>
#include <exception>
#include <memory>
#include <new>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/error_notes.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/detail/sole_waiter.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

class yield_operation;

/// The owner of a coroutine that has no consumer. It is notified when the coroutine has ended.
class coroutine_owner {
public:
    virtual void ended() noexcept = 0;
    /// Destroys the owner, and the coroutine with it.
    virtual void die() noexcept = 0;

protected:
    ~coroutine_owner() = default;
};

/// The memory of coroutine frames, from the pool. It may outlive the frame: the result of a finished coroutine stays in
/// it.
class frame_memory {
public:
    static void* allocate(std::size_t size) { return frame_pool::allocate(size); }
    static void release(void* memory, std::size_t size) noexcept {
        if (kept_ != nullptr && kept_->memory_ == memory) {
            kept_->size_ = size;
            kept_ = kept_->outer_;
        } else {
            frame_pool::deallocate(memory, size);
        }
    }

    /// Keeps the memory of one frame from being freed while the guard exists. Guards nest, as destroyed frames do.
    explicit frame_memory(void* memory) noexcept : memory_{memory}, outer_{std::exchange(kept_, this)} {}
    frame_memory(const frame_memory&) = delete;
    frame_memory& operator=(const frame_memory&) = delete;
    ~frame_memory() {
        if (size_ == 0) kept_ = outer_;
    }

    /// Set when the frame is destroyed; 0 for a frame that the compiler placed elsewhere.
    std::size_t size() const noexcept { return size_; }

private:
    void* memory_;
    frame_memory* outer_;
    std::size_t size_ = 0;

    static inline constinit thread_local frame_memory* kept_ = nullptr;
};

/// The part of a coroutine's state that generators and tasks share: how the coroutine awaits, is resumed, and is
/// dropped.
///
/// The coroutine is its own waker. It is resumed by the poll of its consumer, and by the run queue after the awaited
/// operation has woken it. It is never resumed inside a completion.
///
/// The state lives in the promise, but the promise does not destroy it: the frame, with locals and parameters, dies
/// when the coroutine ends, and the state stays until its result was taken.
class coroutine_state : public waker {
public:
    coroutine_state(const coroutine_state&) = delete;
    coroutine_state& operator=(const coroutine_state&) = delete;

    /// The context for awaited operations, while the coroutine runs.
    context& running_with() noexcept { return *cx_; }

    /// The waker of the waiting consumer. Null when no consumer waits, and for a coroutine with an owner.
    const waker* waiting() const noexcept { return last_ == known::consumer ? consumer_.waiting() : nullptr; }

    /// What a suspended coroutine awaits, and where.
    struct suspension {
        std::source_location place;
        drawing awaited;
    };
    /// How far the coroutine is, for a dump.
    enum class progress : unsigned char { not_polled, runs, ready, awaits, holds_item, has_ended };

    /// Where the coroutine is; `where` is filled in when the answer is `awaits`.
    progress look(suspension& where) noexcept;
    /// The coroutine that is awaited by the waker in this slot, which has the mark of one.
    static coroutine_state& awaited_through(slot_base& slot) noexcept;

    /// Gives the coroutine an owner instead of a consumer.
    void owned_by(coroutine_owner& owner) noexcept {
        std::destroy_at(&consumer_);
        owner_ = &owner;
        last_ = known::owner;
    }

    /// Destroys a coroutine that is not a root. When it drops itself while it runs, its resumer destroys it.
    void drop() noexcept {
        if (runs() || is(ending)) {
            enter(dropped);
        } else {
            destroy();
        }
    }

    /// Destroys a root: at once, or when it has left the stack.
    void drop_root() noexcept;

protected:
    /// The phase of a coroutine. `dropped` is added to the phase of a coroutine that was dropped while it ran.
    enum phase : unsigned char {
        resumable = 0, // not started, or running, or at a co_yield whose item was taken
        queued = 1,    // the run queue will start or resume it
        awaiting = 2,
        yielded = 4, // at a co_yield that it reached without a poll
        finished = 8,
        // Flags beside the phase:
        returned = 16, // there is a result
        failed = 32,   // there is an error
        dropped = 64,
        ending = 128, // finished, and its frame is being destroyed
        // Never the phase of a coroutine that continues: asks on_wake() where it is suspended. See `look`.
        looked_at = awaiting | queued,
    };

    coroutine_state() noexcept : waker{&resume_from_queue}, cx_{nullptr}, consumer_{} {}
    ~coroutine_state() {
        if (is(failed)) [[unlikely]]
            std::destroy_at(&error_);
        if (last_ == known::consumer) std::destroy_at(&consumer_);
        forget_root();
    }

    bool is(phase what) const noexcept { return (phase_ & what) != 0; }
    /// At its end and not dropped.
    bool ended() const noexcept { return is(finished) && !is(dropped); }
    /// Replaces the phase and keeps the flag `dropped`.
    void enter(phase next) noexcept { phase_ = static_cast<unsigned char>(phase_ | next); }
    void leave(phase last) noexcept { phase_ = static_cast<unsigned char>(phase_ & ~last); }
    /// Whether the coroutine is not suspended. Locals may still be in destruction when there is a result.
    bool runs() const noexcept { return (phase_ & ~(returned | dropped)) == resumable && cx_ != nullptr; }

    /// To be called at the final suspension. The waker then runs `destroy`, through which an owner that does not know
    /// the result type can destroy the state.
    void finish(function destroy) noexcept {
        if (!is(dropped)) retire();
        on_wake(destroy);
        enter(finished);
    }
    /// To be called in the handler of the coroutine's error.
    void fail(std::source_location place) noexcept;
    void destroy_outcome() noexcept {
        if (is(failed)) [[unlikely]]
            std::destroy_at(&error_);
    }
    std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }

    /// Runs the coroutine to its next suspension.
    void resume(context& cx) noexcept {
        cx_ = &cx;
        handle().resume();
    }

    /// For a poll that finds the coroutine neither finished nor at a co_yield: it continues through the run queue and
    /// wakes the consumer. When it has dropped itself no member may be used afterwards.
    pending_t wait(const context& cx, waker& waiting) noexcept {
        if (is(dropped)) [[unlikely]] {
            end_dropped();
            return pending;
        }
        cx.propagate_deadline_to(*this);
        consumer_.arm(waiting);
        return pending;
    }

    /// Called by the run queue.
    void start() noexcept {
        if (phase_ != resumable) return;
        phase_ = queued;
        wake_first();
    }

    bool frame_is_gone() const noexcept { return last_ == known::memory_size; }
    /// Destroys the frame, if there is one, and then the state, which has no result.
    void destroy() noexcept;
    /// Destroys the frame of a coroutine that has ended or cannot continue. The state and its memory stay.
    [[gnu::noinline]] void end_frame() noexcept {
        enter(ending);
        std::size_t size = 0;
        {
            const frame_memory memory{handle().address()};
            handle().destroy();
            size = memory.size();
        }
        leave(ending);
        forget_root();
        std::destroy_at(&consumer_);
        last_ = known::memory_size;
        memory_size_ = size;
        if (is(dropped)) [[unlikely]]
            on_wake()(*this);
    }
    /// Destroys the state and the result of a finished coroutine, and the frame if it still exists.
    template <class State>
    static void dispose(State& state) noexcept {
        // No consumer waits, and `finish` has retired the waker. Only the result or the error, and the root's record,
        // are left to destroy.
        const std::coroutine_handle<coroutine_state> frame = state.handle();
        state.destroy_outcome();
        state.forget_root();
        if (!state.frame_is_gone()) {
            frame.destroy();
        } else if (const std::size_t size = state.memory_size_; size != 0) {
            frame_pool::deallocate(frame.address(), size);
        }
    }

    unsigned char phase_ = resumable;

private:
    /// The active member of the union below.
    enum class known : unsigned char { consumer, owner, memory_size };

    known last_ = known::consumer;

protected:
    union {
        context* cx_;              // while it runs: the context for awaited operations; null at a co_yield
        void* await_;              // while it awaits: the await_operation
        std::exception_ptr error_; // when it has failed
    };

private:
    template <class>
    friend class await_operation;
    template <class>
    friend class coroutine_promise;

    /// `co_await yield()` polls no operation, neither now nor on resumption.
    struct yield_awaiter {
        coroutine_state& state;

        bool await_ready() const noexcept { return false; }
        void await_suspend(std::coroutine_handle<>) const noexcept {
            if (state.phase_ != resumable) [[unlikely]] // it dropped itself
                return state.enter(queued);
            state.phase_ = queued;
            state.bind(state.cx_->waker());
            state.on_wake(&resume_from_queue);
            state.wake();
        }
        void await_resume() const noexcept {}
    };

    // The promise is this object, and no item in it is aligned more strictly than a frame.
    std::coroutine_handle<coroutine_state> handle() noexcept {
        return std::coroutine_handle<coroutine_state>::from_promise(*this);
    }

    /// To be called when a coroutine that was dropped while it ran has suspended.
    void end_dropped() noexcept;
    static void destroy_root(waker& self) noexcept;
    std::size_t destroy_frame() noexcept;

    /// Called by the run queue in phase `queued`.
    static void resume_from_queue(waker& self) noexcept {
        auto& state = static_cast<coroutine_state&>(self);
        if (state.phase_ != queued) return; // a late wake by an operation that the coroutine no longer awaits
        context cx{state};
        state.phase_ = resumable;
        state.run(cx);
    }
    /// Resumes the coroutine without a poll.
    void run(context& cx) noexcept {
        cx_ = &cx;
        run();
    }
    /// The same for a coroutine that has its context.
    void run() noexcept {
        handle().resume();
        if (phase_ == awaiting || phase_ == queued) return;
        suspended();
    }
    /// To be called when the coroutine is at a co_yield, finished or dropped.
    void suspended() noexcept {
        if (is(dropped)) [[unlikely]] {
            end_dropped();
            return;
        }
        if (phase_ == resumable) at_yield();
        if (last_ == known::owner) {
            owner_->ended();
            return;
        }
        consumer_.wake();
        if (is(finished)) end_frame();
    }
    void at_yield() noexcept;
    /// Answers `look`.
    void show(std::source_location place, drawing awaited) noexcept { *looked_at_ = {place, awaited}; }

    static inline constinit thread_local suspension* looked_at_ = nullptr;

    union {
        marked_slot<slot_mark::coroutine> consumer_;
        coroutine_owner* owner_;
        std::size_t memory_size_; // of the frame, set when the frame was destroyed
    };
};

/// The part of a generator's state that does not depend on the item type.
class generator_state_base : public coroutine_state {
protected:
    /// Moves the yielded item into the state, because the generator's own object may change before the next poll.
    /// Returns false when the move threw; that exception is then the generator's error.
    using keep_function = bool (*)(generator_state_base&) noexcept;

    explicit generator_state_base(keep_function keep) noexcept : keep_{keep} {}

private:
    friend class coroutine_state;

    keep_function keep_;
};

/// A promise: the memory of a state, which outlives the promise.
template <class State>
class coroutine_promise {
public:
    static void* operator new(std::size_t size) { return frame_memory::allocate(size); }
    static void operator delete(void* memory, std::size_t size) noexcept { frame_memory::release(memory, size); }

    std::suspend_always initial_suspend() const noexcept { return {}; }
    /// The default argument is a place in the coroutine.
    void unhandled_exception(std::source_location place = std::source_location::current()) noexcept {
        state().fail(place);
    }

    template <class A>
    auto await_transform(A&& operation);
    auto await_transform(yield_operation&&) noexcept { return coroutine_state::yield_awaiter{state()}; }

    State& state() noexcept { return *std::launder(reinterpret_cast<State*>(memory_)); }

protected:
    coroutine_promise() noexcept { ::new (static_cast<void*>(memory_)) State(); }

private:
    // The destructor is trivial, so that it does not touch the memory.
    alignas(State) unsigned char memory_[sizeof(State)];
};

/// How a coroutine awaits an operation: `ask` polls it, and `result` converts the answer when the coroutine resumes. An
/// operation specialises it when a smaller answer can be kept in between.
///
/// A specialisation with `ask(operation, self)` is called without a context. It serves operations that are coroutines
/// themselves and need their awaiting coroutine only when they have to wait.
/// A specialisation with `source(operation)` names the object that different operations wait for.
template <class A>
struct await_traits {
    using answer = poll<typename A::result_type>;

    static answer ask(A& operation, context& cx) { return operation.poll_result(cx); }
    static await_result_t<A> result(A&, answer&& a) {
        if constexpr (!std::is_void_v<await_result_t<A>>) return *std::move(a);
    }
};

/// The awaiter of `co_await operation`. It polls the operation at once, and suspends only when the answer is pending.
///
/// It refers to the operation, which exists at least until the end of the full expression.
template <class A>
class await_operation {
public:
    await_operation(coroutine_state& state, A& operation)
        : operation_{&operation}, answer_(first_answer(state, operation)) {
        if (state.queue().stopping()) [[unlikely]] {
            answer_ = answer(pending);
            state.defer();
        }
    }
    await_operation(const await_operation&) = delete;
    await_operation& operator=(const await_operation&) = delete;

    bool await_ready() const noexcept { return !answer_.is_pending(); }

    /// The default argument is the place of the co_await.
    template <class Promise>
    void await_suspend(std::coroutine_handle<Promise> self,
                       std::source_location place = std::source_location::current()) noexcept {
        coroutine_state& state = self.promise().state();
        ::new (static_cast<void*>(&place_)) std::source_location{place};
        state.await_ = this;
        state.on_wake(&poll_again);
        state.enter(coroutine_state::awaiting);
    }

    await_result_t<A> await_resume() {
        if (answer_.is_pending()) [[unlikely]]
            std::rethrow_exception(*error_);
        return await_traits<A>::result(*operation_, std::move(answer_));
    }

private:
    using answer = typename await_traits<A>::answer;

    static constexpr bool is_coroutine = requires(A& a, coroutine_state& self) { await_traits<A>::ask(a, self); };

    /// Whether another coroutine is suspended in a `co_await` of the same object. An armed slot alone does not tell:
    /// the waker may be left over from a poll that was abandoned.
    static bool is_second(const coroutine_state& state, A& operation) noexcept {
        auto& source = source_of(operation);
        const waker* const other = sole_waiter::of(source);
        if (other == nullptr || other == &state || other->on_wake() != &poll_again) return false;
        const auto& first = static_cast<const coroutine_state&>(*other);
        return first.phase_ == coroutine_state::awaiting &&
               &source_of(*static_cast<await_operation*>(first.await_)->operation_) == &source;
    }
    static auto& source_of(A& operation) noexcept {
        if constexpr (requires { await_traits<A>::source(operation); }) {
            return await_traits<A>::source(operation);
        } else {
            return operation;
        }
    }

    /// A coroutine whose root was dropped, by itself or by the awaited operation, does not continue and gets no answer.
    static answer first_answer(coroutine_state& state, A& operation) {
        WEIR_ASSERT(!is_second(state, operation), "two coroutines wait where only one may");
        context& cx = *state.cx_;
        state.bind(cx.waker());
        if (state.phase_ != coroutine_state::resumable) [[unlikely]]
            return pending;
        if (!cx.spend() || state.queue().leaving()) [[unlikely]] {
            state.defer();
            return pending;
        }
        try {
            if constexpr (is_coroutine) {
                return await_traits<A>::ask(operation, state);
            } else {
                nested_context own{cx, state};
                return await_traits<A>::ask(operation, own);
            }
        } catch (...) {
            if (!state.queue().stopping()) {
                note_error(type_name<A>());
                throw;
            }
            return pending;
        }
    }

    /// Called by the run queue in phase `awaiting`.
    static void poll_again(waker& self) noexcept {
        auto& state = static_cast<coroutine_state&>(self);
        if (state.phase_ != coroutine_state::awaiting) [[unlikely]]
            return woken_otherwise(state);
        auto& me = *static_cast<await_operation*>(state.await_);
        context cx{state};
        state.phase_ = coroutine_state::resumable;
        state.cx_ = &cx;
        std::exception_ptr error;
        try {
            if constexpr (is_coroutine) {
                me.answer_ = await_traits<A>::ask(*me.operation_, state);
            } else {
                me.answer_ = await_traits<A>::ask(*me.operation_, cx);
            }
        } catch (...) {
            note_error(type_name<A>(), me.place_);
            error = std::current_exception();
        }
        if (state.phase_ != coroutine_state::resumable) [[unlikely]] {
            state.enter(coroutine_state::awaiting);
            state.end_dropped();
            return;
        }
        if (state.queue().stopping()) [[unlikely]] {
            me.answer_ = answer(pending);
            error = nullptr;
            state.defer();
        }
        if (me.answer_.is_pending()) {
            if (error == nullptr) {
                state.await_ = &me;
                state.enter(coroutine_state::awaiting);
                return;
            }
            me.error_ = &error;
        }
        state.run();
    }

    /// A late wake, or a look from a dump.
    [[gnu::cold, gnu::noinline]] static void woken_otherwise(coroutine_state& state) noexcept {
        if (state.phase_ != coroutine_state::looked_at) return;
        auto& me = *static_cast<await_operation*>(state.await_);
        state.show(me.place_, drawing_of(*me.operation_));
    }

    union {
        A* operation_;
        const std::exception_ptr* error_; // when it resumes without an answer
    };
    union {
        std::source_location place_; // of the co_await, once it is suspended
    };
    answer answer_;
};

/// The await of what is not an operation. Its result can be used in any way, so that the compiler prints one error.
struct rejected_await : std::suspend_never {
    invalid_pipeline await_resume() const;
};

template <class State>
template <class A>
auto coroutine_promise<State>::await_transform(A&& operation) {
    if constexpr (!weir::operation<std::remove_cvref_t<A>>) {
        constexpr bool streams = stream<std::remove_cvref_t<A>>;
        static_assert(!streams,
                      "co_await: not a weir operation: a stream has no result; add a sink, and parentheses around the "
                      "whole pipeline: co_await (stream | drain()), or await next(stream)");
        static_assert(streams,
                      "co_await: not a weir operation; await a task, a sink at the end of a pipeline, next(stream), "
                      "sleep_for(duration), ...");
        return rejected_await{};
    } else {
        using await_t = await_operation<std::remove_reference_t<A>>;
        static_assert(fits_in_frame<A> && fits_in_frame<await_t>,
                      "co_await: the operation or its result is aligned more strictly than a coroutine's frame; run it "
                      "outside of one, or keep what is so aligned in a std::unique_ptr");
        return await_t{state(), operation};
    }
}

} // namespace weir::detail

#pragma once

#include <coroutine>
#include <exception>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/frame_pool.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// What a suspended coroutine waits for.
class pending_await {
public:
    /// Polls again; true when the coroutine may go on.
    using function = bool (*)(pending_await&, context&) noexcept;

    explicit pending_await(function poll_again) noexcept : again{poll_again} {}

    const function again;
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
    std::suspend_always final_suspend() const noexcept { return {}; }
    void unhandled_exception() noexcept { error_ = std::current_exception(); }

    template <class A>
    auto await_transform(A&& operation) noexcept;

    /// Destroys the frame, or, when the coroutine drops itself while it runs, leaves that to whoever resumed it.
    void drop() noexcept {
        if (running()) {
            dropped_ = true;
        } else {
            handle_.destroy();
        }
    }

protected:
    explicit coroutine_promise(std::coroutine_handle<> handle) noexcept : waker{&run}, handle_{handle} {}
    ~coroutine_promise() = default;

    bool running() const noexcept { return cx_ != nullptr; }
    bool awaiting() const noexcept { return await_ != nullptr; }
    bool finished() const noexcept { return handle_.done(); }

    /// Runs the coroutine to its next suspension. False when it dropped itself: then nothing of it may be touched.
    bool resume(context& cx) noexcept {
        cx_ = &cx;
        handle_.resume();
        if (dropped_) [[unlikely]] {
            handle_.destroy();
            return false;
        }
        cx_ = nullptr;
        return true;
    }

    [[noreturn]] void rethrow() { std::rethrow_exception(std::exchange(error_, nullptr)); }
    bool failed() const noexcept { return error_ != nullptr; }

    waker_slot consumer_;

private:
    template <class>
    friend class await_operation;

    static void run(waker& self) noexcept {
        auto& promise = static_cast<coroutine_promise&>(self);
        // A wake that comes late, from something the coroutine no longer waits for.
        if (!promise.awaiting()) return;
        context cx{promise};
        promise.cx_ = &cx;
        if (!promise.await_->again(*promise.await_, cx)) {
            promise.cx_ = nullptr;
            return;
        }
        promise.await_ = nullptr;
        if (promise.resume(cx) && !promise.awaiting()) promise.consumer_.wake();
    }

    std::coroutine_handle<> handle_;
    context* cx_ = nullptr; // while it runs
    pending_await* await_ = nullptr;
    std::exception_ptr error_;
    bool dropped_ = false;
};

/// `co_await operation`: polls it in place; suspends only when it answers pending.
template <class A>
class await_operation : private pending_await {
public:
    using operation_t = std::remove_reference_t<A>;
    using result_type = typename operation_t::result_type;

    await_operation(coroutine_promise& promise, A&& operation) noexcept
        : pending_await{&again}, promise_{promise}, operation_{std::forward<A>(operation)} {}

    bool await_ready() {
        promise_.bind(promise_.cx_->wk.queue());
        context cx{*promise_.cx_, promise_};
        if (!cx.spend()) [[unlikely]] {
            promise_.defer();
            return false;
        }
        answer_ = operation_.poll_result(cx);
        return answer_.is_item();
    }

    void await_suspend(std::coroutine_handle<>) noexcept { promise_.await_ = this; }

    await_result_t<operation_t> await_resume() {
        if (!answer_.is_item()) [[unlikely]]
            promise_.rethrow();
        if constexpr (!std::is_same_v<result_type, unit>) return *std::move(answer_);
    }

private:
    static bool again(pending_await& self, context& cx) noexcept {
        auto& me = static_cast<await_operation&>(self);
        try {
            me.answer_ = me.operation_.poll_result(cx);
            return me.answer_.is_item();
        } catch (...) {
            me.promise_.error_ = std::current_exception();
            return true;
        }
    }

    coroutine_promise& promise_;
    A operation_;
    poll<result_type> answer_{pending};
};

template <class A>
auto coroutine_promise::await_transform(A&& operation) noexcept {
    static_assert(awaitable<std::remove_cvref_t<A>>,
                  "co_await: not a weir operation; await a task, a sink at the end of a pipeline, next(stream), "
                  "sleep_for(duration), ...");
    return await_operation<A>{*this, std::forward<A>(operation)};
}

} // namespace weir::detail

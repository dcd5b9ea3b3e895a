// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <exception>
#include <memory>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/locals.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/detail/root_waker.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/detail/locals.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/remote_waker.hpp>

namespace weir {

namespace detail {

/// Starts an operation on another executor, or destroys it when that executor ends first. The starting thread allocates
/// all memory, and the operation is not moved afterwards, so that nothing can fail on the other thread.
template <operation A>
class remote_spawn final : public inbox_entry, public spawned_entry, public root_waker {
public:
    /// Allocates an object, which must be started. The executor may have ended; its inbox must exist.
    static remote_spawn& create(executor& ex, A operation, std::source_location place) {
        return *new remote_spawn(ex, std::move(operation), place);
    }
    /// May be called on any thread.
    void start(const std::shared_ptr<inbox>& to) noexcept {
        if (!to->enter(*this)) discard();
    }

private:
    remote_spawn(executor& ex, A operation, std::source_location place)
        : root_waker{&poll_once}, ex_{ex}, operation_(std::move(operation)), place_{place}, locals_{locals_here()} {}

    void run() noexcept override {
        run_queue& queue = executor_access::queue(ex_);
        bind(queue);
        if (locals_) {
            // Without memory for a record, the operation runs without task-locals.
            root_record* const own = queue.add_locals(nullptr, 0, std::move(locals_));
            if (own != nullptr) become_root(queue, own);
        }
        ex_.adopt(static_cast<spawned_entry&>(*this));
        wake();
    }
    void discard() noexcept override { delete this; }
    void destroy() noexcept override { delete this; }
    live_root shown() noexcept override {
        return {this, nullptr, drawing_of(operation_), place_, "spawned by another thread"};
    }

    static void poll_once(waker& self) noexcept {
        auto& me = static_cast<remote_spawn&>(self);
        std::exception_ptr error;
        try {
            context cx{me};
            if (me.operation_.poll_result(cx).is_pending()) return;
        } catch (...) {
            error = std::current_exception();
        }
        executor& ex = me.ex_;
        const std::source_location place = me.place_;
        me.queue().leave(me);
        delete &me;
        if (error != nullptr) ex.report(std::move(error), place);
    }

    executor& ex_;
    A operation_;
    std::source_location place_;
    locals_ref locals_; // of the code that spawned it, until it starts
};

/// A remote operation, as its handle sees it on the thread where it runs.
class remote_end {
public:
    /// Drops the operation. Called between two polls; the operation then counts as finished.
    virtual void abandon() noexcept = 0;

protected:
    ~remote_end() = default;
};

/// The state that a remote operation and its handle share. Both own it.
template <class Result>
class remote_state final : public atomic_ref_counted, private inbox_entry {
public:
    remote_state(executor& ex, std::shared_ptr<inbox> far, std::source_location place) noexcept
        : atomic_ref_counted{2}, ex_{ex}, far_{std::move(far)}, place_{place} {}

    // For the thread on which the operation runs.

    bool dropped() const noexcept { return interest_.load(std::memory_order_acquire) == interest::none; }
    /// Sets the operation to notify of a drop: null during a poll.
    void bind_remote_end(remote_end* end) noexcept { remote_end_ = end; }

    void finish(poll<Result>&& result, std::exception_ptr error) noexcept {
        remote_end_ = nullptr;
        error_ = std::move(error);
        try {
            result_ = std::move(result);
        } catch (...) {
            error_ = std::current_exception();
        }
        const interest in_result = interest_.exchange(interest::over);
        if (in_result == interest::waits) home_waker_.wake();
        interest_.notify_all();
        if (in_result == interest::none) far_->changed();
        if (in_result == interest::error_only) report();
        release();
    }

    // For the thread that owns the handle.

    bool finished() const noexcept { return interest_.load(std::memory_order_acquire) == interest::over; }

    bool wait(context& cx) noexcept {
        if (finished()) return true;
        if (!home_waker_.bound()) home_waker_.bind(detail::executor_access::inbox(cx.executor()));
        home_waker_.wait(cx);
        // Pairs with the exchange in finish(): either finish() sees the waiter, or this thread sees the result.
        interest expected = interest::some;
        return !interest_.compare_exchange_strong(expected, interest::waits) && expected == interest::over;
    }
    /// Blocks the thread until the operation has finished.
    void block() const noexcept {
        for (interest seen = interest_.load(); seen != interest::over; seen = interest_.load()) interest_.wait(seen);
    }
    Result take() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return *std::move(result_);
    }

    /// @param wait  blocks until the operation was dropped on its thread, if another thread runs that executor
    void drop(bool wait) noexcept {
        home_waker_.leave();
        if (interest_.exchange(interest::none) != interest::over) drop_there(wait);
        release();
    }
    void detach() noexcept {
        home_waker_.leave();
        if (interest_.exchange(interest::error_only) == interest::over) report();
        release();
    }

private:
    enum class interest {
        some,       // the handle exists and is not awaited at present
        waits,      // the handle is awaited: wake it
        error_only, // detached
        none,       // dropped
        over,       // the operation has finished
    };

    void drop_there(bool wait) noexcept {
        executor* const here = executor::current();
        if (here != nullptr && executor_access::inbox(*here) == far_) {
            if (remote_end_ != nullptr) return remote_end_->abandon();
            wait = false;
        }
        retain();
        if (!far_->enter(request_)) return release();
        if (wait)
            far_->wait_for([this] { return finished(); },
                           here != nullptr ? executor_access::inbox(*here).get() : nullptr);
    }

    /// Tells the operation's thread about a drop.
    class drop_request final : public inbox_entry {
    public:
        explicit drop_request(remote_state& owner) noexcept : owner_{owner} {}

        void run() noexcept override {
            if (owner_.remote_end_ != nullptr) owner_.remote_end_->abandon();
            owner_.release();
        }
        void discard() noexcept override { owner_.release(); }

    private:
        remote_state& owner_;
    };

    /// Reports the error of a detached operation. An executor that has ended takes no reports.
    void report() noexcept {
        if (error_ == nullptr) return;
        retain();
        if (!far_->enter(*this)) release();
    }
    void run() noexcept override {
        ex_.report(std::exchange(error_, nullptr), place_);
        release();
    }
    void discard() noexcept override { release(); }

    executor& ex_;
    const std::shared_ptr<inbox> far_;
    const std::source_location place_;
    poll<Result> result_{pending};
    std::exception_ptr error_;
    remote_end* remote_end_ = nullptr; // used by the operation's thread only
    drop_request request_{*this};
    remote_waker home_waker_{*this};
    std::atomic<interest> interest_ = interest::some;
};

/// The remote half: calls the function for its operation, and destroys both before it delivers the result.
template <class F>
class remote_operation final : private remote_end {
    using operation = std::invoke_result_t<F&>;
    using state = remote_state<typename operation::result_type>;

public:
    using result_type = unit;

    remote_operation(F&& make, state& known) : known_{known}, make_{std::in_place, std::move(make)} {}

    poll<unit> poll_result(context& cx) {
        if (!known_) return unit{};
        waiter_.arm(cx.waker());
        if (known_->dropped()) return finish(pending, nullptr);
        known_->bind_remote_end(nullptr);
        try {
            if (!operation_) operation_.construct_with(*make_);
            auto result = operation_->poll_result(cx);
            if (!result.is_pending()) return finish(std::move(result), nullptr);
        } catch (...) {
            return finish(pending, std::current_exception());
        }
        if (known_->dropped()) return finish(pending, nullptr);
        known_->bind_remote_end(this);
        return pending;
    }

private:
    /// This side's reference to the shared state. Releasing it notifies the waiter.
    class share {
    public:
        explicit share(state& known) noexcept : known_{&known} {}
        share(share&& other) noexcept : known_{std::exchange(other.known_, nullptr)} {}
        share& operator=(share&&) = delete;
        ~share() {
            if (known_ != nullptr) known_->finish(pending, std::make_exception_ptr(stopped{}));
        }

        explicit operator bool() const noexcept { return known_ != nullptr; }
        state* operator->() const noexcept { return known_; }
        state& release() noexcept { return *std::exchange(known_, nullptr); }

    private:
        state* known_;
    };

    void abandon() noexcept override {
        finish(pending, nullptr);
        waiter_.wake(); // so that the next poll ends
    }

    unit finish(poll<typename operation::result_type>&& result, std::exception_ptr error) noexcept {
        operation_.reset();
        make_.reset();
        known_.release().finish(std::move(result), std::move(error));
        return {};
    }

    share known_;           // first, so that it is destroyed last
    std::optional<F> make_; // the function must outlive the coroutine that it returns
    manual_lifetime<operation> operation_;
    marked_slot<slot_mark::thread> waiter_;
};

} // namespace detail

namespace detail {

template <class Result>
class blocking_join_handle;

} // namespace detail

/// The handle of an operation that was spawned on another executor. Awaiting the handle returns the operation's result
/// or throws its error. Dropping the handle drops the operation on its own thread, soon; the drop does not wait for
/// that.
///
/// Threads: the handle belongs to the executor that awaits it. It may outlive the executor on which the operation runs.
template <class Result>
class [[nodiscard("co_await it, keep it, or detach it: dropping it drops the operation")]] remote_join_handle {
public:
    using result_type = Result;

    explicit remote_join_handle(detail::remote_state<Result>& known) noexcept : known_{&known} {}
    remote_join_handle(remote_join_handle&& other) noexcept : known_{std::exchange(other.known_, nullptr)} {}
    remote_join_handle& operator=(remote_join_handle&& other) noexcept {
        if (this == &other) return *this;
        drop(false);
        known_ = std::exchange(other.known_, nullptr);
        return *this;
    }
    ~remote_join_handle() { drop(false); }

    /// Lets the operation run to its end. An error then goes to the handler of the executor on which it runs.
    void detach() && {
        if (known_ != nullptr) std::exchange(known_, nullptr)->detach();
    }

    bool finished() const noexcept { return known_ != nullptr && known_->finished(); }

    poll<result_type> poll_result(context& cx) {
        must_be_joinable();
        if (!known_->wait(cx)) return pending;
        return take();
    }

    /// Blocks until the operation has finished, and returns the result. For threads without an executor.
    /// @throws std::logic_error when an executor runs on this thread, because blocking would stop it
    typename detail::from_result<Result>::type get() && {
        must_be_joinable();
        if (executor::current() != nullptr) {
            throw std::logic_error{
                "weir: remote_join_handle::get: an executor runs on this thread, which must not wait; "
                "co_await the handle instead"};
        }
        known_->block();
        if constexpr (std::is_same_v<Result, unit>) {
            take();
        } else {
            return take();
        }
    }

private:
    template <class>
    friend class detail::blocking_join_handle;

    void drop(bool wait) noexcept {
        if (known_ != nullptr) std::exchange(known_, nullptr)->drop(wait);
    }

    void must_be_joinable() const {
        if (known_ == nullptr) throw std::logic_error{"weir: remote_join_handle: joined twice"};
    }

    Result take() {
        auto* const ended = std::exchange(known_, nullptr);
        const struct release_at_exit {
            detail::remote_state<Result>* ended;
            ~release_at_exit() { ended->drop(false); }
        } guard{ended};
        return ended->take();
    }

    detail::remote_state<Result>* known_;
};

namespace detail {

/// A handle whose destructor blocks until the operation was dropped on its thread. It does not block when no thread
/// runs that executor, when this thread does, or when that thread waits for this one in the same way.
template <class Result>
class blocking_join_handle {
public:
    using result_type = Result;

    blocking_join_handle(remote_join_handle<Result> handle, bool wait) noexcept
        : handle_{std::move(handle)}, wait_{wait} {}
    blocking_join_handle(blocking_join_handle&&) noexcept = default;
    ~blocking_join_handle() { handle_.drop(wait_); }

    poll<Result> poll_result(context& cx) { return handle_.poll_result(cx); }

private:
    remote_join_handle<Result> handle_;
    bool wait_;
};

/// Spawns on an executor that may have ended already.
template <class F>
auto spawn_at(const std::shared_ptr<inbox>& to, executor& ex, F make, std::source_location place) {
    using result = typename std::invoke_result_t<F&>::result_type;
    auto* const known = new remote_state<result>{ex, to, place};
    remote_join_handle<result> handle{*known};
    remote_spawn<remote_operation<F>>::create(ex, remote_operation<F>{std::move(make), *known}, place).start(to);
    return handle;
}

} // namespace detail

/// Calls a function on the thread of another executor, and runs the operation that it returns there.
///
///     auto served = weir::spawn_on(other, [port] { return serve(port); });
///     const int requests = co_await served;
///
/// The operation starts at once, whether or not the handle is awaited. The function, its captures and the operation are
/// destroyed on that thread, before the result arrives.
///
/// Errors: those of the function and of the operation. `stopped` when the other executor ends first. The error of a
/// detached operation goes to the other executor's handler.
/// Dropped: dropping the handle drops the operation on its own thread, when it is next suspended.
/// Threads: call it on any thread while the other executor exists. The function and the result cross threads. A thread
/// without an executor may wait for the result with `get()`.
/// Cost: two allocations per call, and the frame of a coroutine.
template <class F>
auto spawn_on(executor& ex, F make, std::source_location place = std::source_location::current()) {
    if constexpr (!detail::returns_operation<F&>) {
        static_assert(detail::always_false<F>, "weir::spawn_on(executor, f): f cannot be called without arguments, or "
                                               "does not return a task or another operation");
    } else {
        static_assert(
            detail::crossable<typename std::invoke_result_t<F&>::result_type>,
            "weir::spawn_on(executor, f): the result crosses threads, and is bound to its thread, as weir::bytes "
            "are, or borrows its memory; return what owns it, such as bytes.to_string()");
        return detail::spawn_at(detail::executor_access::inbox(ex), ex, std::move(make), place);
    }
}

} // namespace weir

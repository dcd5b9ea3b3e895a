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
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/result.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/doorbell.hpp>

namespace weir {

namespace detail {

/// Runs an operation on an executor when that comes to it. If it never does, the operation is destroyed. All memory is
/// allocated by the thread that starts it, and the operation stays where it is: on the other thread nothing can fail.
template <operation A>
class starter final : public inbox_entry, public spawned_entry, public waker {
public:
    /// From any thread. The executor may be gone, when its inbox is not.
    static void start(const std::shared_ptr<inbox>& to, executor& ex, A operation, std::source_location place) {
        inbox_entry* const entry = new starter(ex, std::move(operation), place);
        if (!to->enter(*entry)) entry->discard();
    }

private:
    starter(executor& ex, A operation, std::source_location place)
        : waker{&poll_once}, ex_{ex}, operation_(std::move(operation)), place_{place} {}

    void run() noexcept override {
        bind(ex_.queue());
        ex_.adopt(static_cast<spawned_entry&>(*this));
        wake();
    }
    void discard() noexcept override { delete this; }
    void destroy() noexcept override { delete this; }

    static void poll_once(waker& self) noexcept {
        auto& me = static_cast<starter&>(self);
        std::exception_ptr error;
        try {
            context cx{me};
            if (me.operation_.poll_result(cx).is_pending()) return;
        } catch (...) {
            error = std::current_exception();
        }
        executor& ex = me.ex_;
        const std::source_location place = me.place_;
        delete &me;
        if (error != nullptr) ex.report(std::move(error), place);
    }

    executor& ex_;
    A operation_;
    std::source_location place_;
};

/// An operation that can be dropped where it runs.
class far_end {
public:
    /// Between two of its polls; then it has finished.
    virtual void abandon() noexcept = 0;

protected:
    ~far_end() = default;
};

/// What is known of an operation on another executor: by the side where it runs, and by the one that waits for its
/// result. Both own it.
template <class Result>
class far_state final : public shared_by_threads, private inbox_entry {
public:
    far_state(executor& ex, std::shared_ptr<inbox> far, std::source_location place) noexcept
        : shared_by_threads{2}, ex_{ex}, far_{std::move(far)}, place_{place} {}

    // For the side where it runs.

    bool dropped() const noexcept { return interest_.load(std::memory_order_acquire) == interest::none; }
    /// Whom to tell when it is dropped: null while it is polled.
    void watch(far_end* end) noexcept { far_end_ = end; }

    void finish(poll<Result>&& result, std::exception_ptr error) noexcept {
        far_end_ = nullptr;
        error_ = std::move(error);
        try {
            result_ = std::move(result);
        } catch (...) {
            error_ = std::current_exception();
        }
        const interest in_result = interest_.exchange(interest::over);
        if (in_result == interest::waits) home_bell_.ring();
        interest_.notify_all();
        if (in_result == interest::none) far_->changed();
        if (in_result == interest::error_only) report();
        release();
    }

    // For the side that waits.

    bool finished() const noexcept { return interest_.load(std::memory_order_acquire) == interest::over; }

    bool wait(context& cx) noexcept {
        if (finished()) return true;
        if (!home_bell_.bound()) home_bell_.bind(cx.executor().inbox());
        home_bell_.wait(cx);
        // Pairs with the exchange in finish(), which sees that somebody waits, or is seen.
        interest expected = interest::some;
        return !interest_.compare_exchange_strong(expected, interest::waits) && expected == interest::over;
    }
    /// Holds up the thread.
    void block() const noexcept {
        for (interest seen = interest_.load(); seen != interest::over; seen = interest_.load()) interest_.wait(seen);
    }
    Result take() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return *std::move(result_);
    }

    /// @param wait  until it was dropped there, if somebody else runs that executor
    void drop(bool wait) noexcept {
        home_bell_.leave();
        if (interest_.exchange(interest::none) != interest::over) drop_there(wait);
        release();
    }
    void detach() noexcept {
        home_bell_.leave();
        if (interest_.exchange(interest::error_only) == interest::over) report();
        release();
    }

private:
    enum class interest {
        some,       // nobody waits at present
        waits,      // on the bell
        error_only, // detached
        none,       // dropped
        over,       // it is finished
    };

    void drop_there(bool wait) noexcept {
        executor* const here = executor::current();
        if (here != nullptr && here->inbox() == far_) {
            if (far_end_ != nullptr) return far_end_->abandon();
            wait = false;
        }
        retain();
        if (!far_->enter(request_)) return release();
        if (wait) far_->wait_for([this] { return finished(); }, here != nullptr ? here->inbox().get() : nullptr);
    }

    /// That it was dropped, on its way there.
    class drop_request final : public inbox_entry {
    public:
        explicit drop_request(far_state& owner) noexcept : owner_{owner} {}

        void run() noexcept override {
            if (owner_.far_end_ != nullptr) owner_.far_end_->abandon();
            owner_.release();
        }
        void discard() noexcept override { owner_.release(); }

    private:
        far_state& owner_;
    };

    /// An error that nobody awaits. An executor that is gone takes no more reports.
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
    far_end* far_end_ = nullptr; // for the thread where it runs
    drop_request request_{*this};
    doorbell home_bell_{*this};
    std::atomic<interest> interest_ = interest::some;
};

/// The side where it runs: makes the operation of a function, and drops both before it tells the result.
template <class F>
class far_operation final : private far_end {
    using operation = std::invoke_result_t<F&>;
    using state = far_state<typename operation::result_type>;

public:
    using result_type = unit;

    far_operation(F&& make, state& known) : known_{known}, make_{std::in_place, std::move(make)} {}

    poll<unit> poll_result(context& cx) {
        if (!known_) return unit{};
        waiter_.arm(cx.waker());
        if (known_->dropped()) return finish(pending, nullptr);
        known_->watch(nullptr);
        try {
            if (!operation_) operation_.construct_with(*make_);
            auto result = operation_->poll_result(cx);
            if (!result.is_pending()) return finish(std::move(result), nullptr);
        } catch (...) {
            return finish(pending, std::current_exception());
        }
        if (known_->dropped()) return finish(pending, nullptr);
        known_->watch(this);
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
        waiter_.wake(); // to end
    }

    unit finish(poll<typename operation::result_type>&& result, std::exception_ptr error) noexcept {
        operation_.reset();
        make_.reset();
        known_.release().finish(std::move(result), std::move(error));
        return {};
    }

    share known_;           // first: it goes last
    std::optional<F> make_; // a function outlives the coroutine that it makes
    manual_lifetime<operation> operation_;
    waker_slot waiter_;
};

} // namespace detail

namespace detail {

template <class Result>
class waits_for_far;

} // namespace detail

/// An operation that was spawned on another executor. Awaiting it gives its result or throws its error; dropping it drops
/// the operation, there and soon: nobody waits for that.
///
/// Threads: belongs to the executor that awaits it. It may outlive the one where the operation runs.
template <class Result>
class [[nodiscard("co_await it, keep it, or detach it: dropping it drops the operation")]] far_handle {
public:
    using result_type = Result;

    explicit far_handle(detail::far_state<Result>& known) noexcept : known_{&known} {}
    far_handle(far_handle&& other) noexcept : known_{std::exchange(other.known_, nullptr)} {}
    far_handle& operator=(far_handle&& other) noexcept {
        if (this == &other) return *this;
        drop(false);
        known_ = std::exchange(other.known_, nullptr);
        return *this;
    }
    ~far_handle() { drop(false); }

    /// Lets it run to its end without this handle. Its error then goes to the handler of the executor where it ran.
    void detach() && {
        if (known_ != nullptr) std::exchange(known_, nullptr)->detach();
    }

    bool finished() const noexcept { return known_ != nullptr && known_->finished(); }

    poll<result_type> poll_result(context& cx) {
        must_be_joinable();
        if (!known_->wait(cx)) return pending;
        return take();
    }

    /// Waits for the result, on a thread on which no executor runs.
    /// @throws std::logic_error where one does: it must not be held up
    typename detail::from_result<Result>::type get() && {
        must_be_joinable();
        if (executor::current() != nullptr) {
            throw std::logic_error{"weir: far_handle::get: an executor runs on this thread, which must not wait; "
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
    friend class detail::waits_for_far;

    void drop(bool wait) noexcept {
        if (known_ != nullptr) std::exchange(known_, nullptr)->drop(wait);
    }

    void must_be_joinable() const {
        if (known_ == nullptr) throw std::logic_error{"weir: far_handle: joined twice"};
    }

    Result take() {
        auto* const ended = std::exchange(known_, nullptr);
        const struct release_at_exit {
            detail::far_state<Result>* ended;
            ~release_at_exit() { ended->drop(false); }
        } guard{ended};
        return ended->take();
    }

    detail::far_state<Result>* known_;
};

namespace detail {

/// A handle that waits when it is dropped, until the operation was dropped there. It does not wait when nobody runs that
/// executor, when this thread does, and when its thread waits for this one's in the same way.
template <class Result>
class waits_for_far {
public:
    using result_type = Result;

    waits_for_far(far_handle<Result> handle, bool wait) noexcept : handle_{std::move(handle)}, wait_{wait} {}
    waits_for_far(waits_for_far&&) noexcept = default;
    ~waits_for_far() { handle_.drop(wait_); }

    poll<Result> poll_result(context& cx) { return handle_.poll_result(cx); }

private:
    far_handle<Result> handle_;
    bool wait_;
};

/// The same with an executor that may be gone already.
template <class F>
auto spawn_at(const std::shared_ptr<inbox>& to, executor& ex, F make, std::source_location place) {
    using result = typename std::invoke_result_t<F&>::result_type;
    auto* const known = new far_state<result>{ex, to, place};
    far_handle<result> handle{*known};
    starter<far_operation<F>>::start(to, ex, far_operation<F>{std::move(make), *known}, place);
    return handle;
}

} // namespace detail

/// Calls a function on the thread of another executor, and runs the operation that it makes there.
///
///     auto served = weir::spawn_on(other, [port] { return serve(port); });
///     const int requests = co_await served;
///
/// It starts at once, whether or not it is awaited. What the function captured, and the operation, are destroyed on that
/// thread too, before the result arrives. Dropping the handle drops the operation: there, when it is next suspended.
///
/// When the other executor dies first, the operation dies with it, and the handle throws `stopped`. The error of a
/// detached one goes to the other executor's handler.
///
/// Threads: from any, while the other executor lives. The function and the result cross. A thread on which no executor
/// runs may wait for the result with `get()`.
template <class F>
auto spawn_on(executor& ex, F make, std::source_location place = std::source_location::current()) {
    if constexpr (!detail::returns_operation<F&>) {
        static_assert(detail::always_false<F>, "weir::spawn_on(executor, f): f cannot be called without arguments, or "
                                               "does not give a task or another operation");
    } else {
        static_assert(
            detail::crossable<typename std::invoke_result_t<F&>::result_type>,
            "weir::spawn_on(executor, f): the result crosses threads, and is bound to its thread, as weir::bytes "
            "are, or borrows its memory; return what owns it, such as bytes.to_string()");
        return detail::spawn_at(ex.inbox(), ex, std::move(make), place);
    }
}

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <weir/core/detail/requirements.hpp>

#include <atomic>
#include <concepts>
#include <coroutine>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <source_location>
#include <type_traits>
#include <utility>

#include <weir/core/assert.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/threads/detail/remote_waker.hpp>
#include <weir/threads/spawn_on.hpp>

namespace weir {

namespace detail {

/// What a suspended foreign coroutine and the operation that it awaits share.
class foreign_waiter : public atomic_ref_counted {
public:
    foreign_waiter(std::shared_ptr<inbox> home, std::coroutine_handle<> waiting) noexcept
        : atomic_ref_counted{1}, waiting_{waiting} {
        drop_.bind(std::move(home));
    }

    // For the coroutine.

    /// To be called before the operation is started. Until then no result resumes the coroutine.
    void start() noexcept { progress_.store(progress::waits); }
    /// To be called when the coroutine continues or is destroyed. Returns whether there is a result.
    bool leave() noexcept {
        const progress before = progress_.exchange(progress::gone);
        if (before == progress::waits) drop_.wake();
        return before == progress::ready || before == progress::resumed;
    }
    bool is_ready() const noexcept { return progress_.load() == progress::ready; }
    /// Resumes the coroutine, unless it was resumed or destroyed.
    void resume() noexcept {
        progress expected = progress::ready;
        if (progress_.compare_exchange_strong(expected, progress::resumed)) waiting_.resume();
    }

    // For the operation, on its executor's thread.

    /// Returns whether the coroutine was destroyed. Otherwise the context's waker is woken when it is.
    bool wait_for_drop(context& cx) noexcept {
        drop_.wait(cx);
        return progress_.load() == progress::gone;
    }
    void end() noexcept { drop_.leave(); }
    /// Returns whether the coroutine waits for a result. It must then be resumed.
    bool finish() noexcept {
        progress expected = progress::waits;
        return progress_.compare_exchange_strong(expected, progress::ready);
    }

private:
    enum class progress {
        idle,    // the operation has not been started
        waits,   // for the result
        ready,   // the result is there, and the coroutine has not been resumed
        resumed, // once
        gone,    // the coroutine was resumed or destroyed
    };

    std::coroutine_handle<> waiting_;
    std::atomic<progress> progress_ = progress::idle;
    remote_waker drop_{*this};
};

/// The same with the place of the result.
template <class Result, class Resume>
class foreign_result final : public foreign_waiter, private inbox_entry {
public:
    foreign_result(std::shared_ptr<inbox> home, std::coroutine_handle<> waiting, Resume resume)
        : foreign_waiter{home, waiting}, home_{std::move(home)}, resume_(std::move(resume)) {}

    void set(poll<Result>&& result, std::exception_ptr error) noexcept {
        error_ = std::move(error);
        try {
            result_ = std::move(result);
        } catch (...) {
            error_ = std::current_exception();
        }
        end();
        if (!finish()) return;
        // Through the inbox: the coroutine does not run inside a poll.
        retain();
        const std::shared_ptr<inbox> to = home_; // a copy: the coroutine may end before `enter` returns
        if (!to->enter(*this)) discard();
    }
    Result take() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return *std::move(result_);
    }
    /// To be called when the coroutine has continued or is destroyed: destroys the result, since a `resumption` may
    /// keep this object.
    void abandon() noexcept {
        if (!leave()) return;
        result_ = pending;
        error_ = nullptr;
    }

private:
    void run() noexcept override;
    void discard() noexcept override { run(); }

    const std::shared_ptr<inbox> home_;
    Resume resume_;
    poll<Result> result_{pending};
    std::exception_ptr error_;
};

/// The operation, as its executor runs it.
template <operation A, class Resume>
class foreign_operation {
    using state = foreign_result<typename A::result_type, Resume>;

public:
    using result_type = unit;

    foreign_operation(A operation, counted_pointer<state> known)
        : known_{std::move(known)}, operation_(std::in_place, std::move(operation)) {}
    foreign_operation(foreign_operation&&) = default;
    ~foreign_operation() {
        if (known_) finish(pending, std::make_exception_ptr(stopped{}));
    }

    poll<unit> poll_result(context& cx) {
        if (known_->wait_for_drop(cx)) return finish(pending, nullptr);
        try {
            auto result = operation_->poll_result(cx);
            if (result.is_pending()) return pending;
            return finish(std::move(result), nullptr);
        } catch (...) {
            return finish(pending, std::current_exception());
        }
    }

private:
    unit finish(poll<typename A::result_type>&& result, std::exception_ptr error) noexcept {
        operation_.reset();
        std::exchange(known_, {})->set(std::move(result), std::move(error));
        return {};
    }

    counted_pointer<state> known_; // null at the end
    std::optional<A> operation_;
};

} // namespace detail

/// Resumes the foreign coroutine that awaits a `to_awaitable`: on the thread that calls it, once. It does nothing when
/// the coroutine was destroyed in the meantime.
class resumption {
public:
    explicit resumption(detail::counted_pointer<detail::foreign_waiter> waiter) noexcept : waiter_{std::move(waiter)} {}

    void operator()() const noexcept {
        const auto kept = waiter_; // the coroutine may destroy this object
        kept->resume();
    }

private:
    detail::counted_pointer<detail::foreign_waiter> waiter_;
};

namespace detail {

struct resume_here {
    void operator()(const resumption& coroutine) const noexcept { coroutine(); }
};

template <class Result, class Resume>
void foreign_result<Result, Resume>::run() noexcept {
    const counted_pointer<foreign_result> kept{this}; // the reference that `set` has added
    if (!this->is_ready()) return;                    // the coroutine was destroyed
    retain();
    std::invoke(resume_, resumption{counted_pointer<foreign_waiter>{this}});
}

} // namespace detail

/// An operation of weir, as an awaitable for coroutines of other libraries.
template <operation A, class Resume>
class [[nodiscard("co_await it")]] foreign_awaitable {
    using state = detail::foreign_result<typename A::result_type, Resume>;

public:
    foreign_awaitable(executor& ex, A operation, Resume resume, std::source_location place)
        : ex_{ex},
          inbox_{detail::executor_access::inbox(ex)},
          operation_(std::in_place, std::move(operation)),
          resume_(std::move(resume)),
          place_{place} {}
    foreign_awaitable(foreign_awaitable&&) = default;
    ~foreign_awaitable() {
        if (known_) known_->abandon();
    }

    bool await_ready() const noexcept { return false; }
    void await_suspend(std::coroutine_handle<> self) {
        using run = detail::foreign_operation<A, Resume>;
        WEIR_ASSERT(operation_.has_value(), "weir::to_awaitable: awaited twice");
        const std::shared_ptr<detail::inbox> to = inbox_;
        detail::counted_pointer<state> known{new state{to, self, std::move(resume_)}};
        auto& started = detail::remote_spawn<run>::create(ex_, run{*std::move(operation_), known}, place_);
        operation_.reset();
        known->start();
        known_ = std::move(known);
        started.start(to); // from here on the coroutine may run, and this object may be gone
    }
    await_result_t<A> await_resume() {
        if constexpr (std::is_void_v<await_result_t<A>>) {
            known_->take();
        } else {
            return known_->take();
        }
    }

private:
    executor& ex_; // may have ended, while its inbox still exists
    std::shared_ptr<detail::inbox> inbox_;
    std::optional<A> operation_; // until it is awaited
    Resume resume_;
    std::source_location place_;
    detail::counted_pointer<state> known_;
};

/// `co_await to_awaitable(executor, operation)`, `to_awaitable(executor, operation, resume)`: the result of an
/// operation that runs on an executor of weir, for a coroutine of another library.
///
///     other_library::task<int> total(weir::executor& ex) {
///         co_return co_await weir::to_awaitable(ex, count_lines("access.log"));
///     }
///
/// The operation starts when it is awaited. A thread must run the executor.
///
/// The coroutine resumes on the executor's thread, between two turns, and holds up the loop until it suspends again.
/// With `resume`, that thread calls resume instead, with a `resumption`: a function object without arguments that
/// resumes the coroutine, on any thread that calls it.
///
///     auto on_loop = [&loop](weir::resumption coroutine) { asio::post(loop, coroutine); };
///     co_await weir::to_awaitable(ex, save(order), on_loop);
///
/// Errors: the operation's. `stopped` when the executor ends first.
/// Dropped: when the coroutine is destroyed while it waits, the operation is dropped on the executor's thread, in its
/// next turn. Destroy the coroutine on the thread on which it resumes: on another thread it may be resuming meanwhile.
/// Threads: it may be awaited on any thread. The operation is moved to the executor's thread, and destroyed there.
/// resume is called on the executor's thread, or where the executor is destroyed. It must not throw.
/// Cost: two allocations.
/// See: as_awaitable, to_future, spawn_on.
template <class A, class Resume = detail::resume_here>
auto to_awaitable(executor& ex, A operation, Resume resume = {},
                  std::source_location place = std::source_location::current()) {
    if constexpr (!weir::operation<A>) {
        static_assert(detail::always_false<A>,
                      "weir::to_awaitable(executor, operation): takes a task, a pipeline that ends in a sink, or "
                      "another operation");
    } else {
        static_assert(std::invocable<Resume&, resumption>,
                      "weir::to_awaitable(executor, operation, resume): resume cannot be called with a "
                      "weir::resumption");
        static_assert(detail::crossable<typename A::result_type>,
                      "weir::to_awaitable(executor, operation): the result crosses threads, and is bound to its "
                      "thread, as weir::bytes are, or borrows its memory; let the operation return what owns it");
        return foreign_awaitable<A, Resume>{ex, std::move(operation), std::move(resume), place};
    }
}

} // namespace weir

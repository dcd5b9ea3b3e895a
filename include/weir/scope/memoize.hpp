// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/lazy_operation.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/executor.hpp>
#include <weir/sync/detail/shared_state.hpp>
#include <weir/sync/event.hpp>

namespace weir {

namespace detail {

/// What the handles of a memoized operation share. The operation itself is in the spawned run, so that it may drop the
/// last handle.
template <runnable A>
class memo : public shared_state {
public:
    using result_type = typename lazy_operation<A>::result_type;

    explicit memo(A what) : what_(std::move(what)) {}

    /// Starts the run at the first call.
    void start(context& cx) {
        if (!what_) return;
        A what(*std::move(what_));
        what_.reset();
        try {
            running_.emplace(cx.executor().spawn(run{*this, std::move(what)}));
        } catch (...) {
            error_ = std::current_exception();
            ended_.set();
        }
    }

    const event& ended() const noexcept { return ended_; }
    result_type result() const {
        if (error_ != nullptr) std::rethrow_exception(error_);
        return *result_;
    }

private:
    class run {
    public:
        using result_type = unit;

        run(memo& owner, A what) : memo_{&owner}, operation_(std::in_place, std::move(what)) {}

        poll<unit> poll_result(context& cx) {
            std::exception_ptr error;
            try {
                auto result = operation_->poll_result(cx);
                if (cx.stopping()) return cx.yield(); // the owner may have been destroyed
                if (result.is_pending()) return pending;
                memo_->result_.emplace(*std::move(result));
            } catch (...) {
                if (cx.stopping()) return cx.yield();
                error = std::current_exception();
            }
            operation_.reset();
            if (cx.stopping()) return cx.yield();
            memo_->error_ = std::move(error);
            memo_->ended_.set();
            return unit{};
        }

    private:
        memo* memo_;
        std::optional<lazy_operation<A>> operation_; // until its end
    };

    detail::resettable<A> what_; // until the start
    std::optional<result_type> result_;
    std::exception_ptr error_;
    event ended_;
    std::optional<join_handle<run>> running_;
};

/// What memoized::get returns.
template <runnable A>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] memo_operation {
public:
    using result_type = typename memo<A>::result_type;

    explicit memo_operation(handle<memo<A>, role::other> shared) noexcept : memo_{std::move(shared)} {}

    poll<result_type> poll_result(context& cx) {
        if (!memo_->ended().is_set()) {
            memo_->start(cx);
            if (!waiting_) waiting_.emplace(memo_->ended().wait());
            if (waiting_->poll_result(cx).is_pending()) return pending;
        }
        return memo_->result();
    }

private:
    handle<memo<A>, role::other> memo_;
    std::optional<event_wait_operation> waiting_;
};

} // namespace detail

/// An operation that runs once, for all who await it. Copies share the run and its result.
template <detail::runnable A>
class [[nodiscard("call get() to await it")]] memoized {
public:
    using result_type = typename detail::memo<A>::result_type;

    explicit memoized(A what) : memo_{*new detail::memo<A>(std::move(what))} {}

    /// `co_await m.get()`: a copy of the result. The first call to be awaited starts the operation.
    detail::memo_operation<A> get() const noexcept { return detail::memo_operation<A>(memo_); }

    /// Whether the operation has ended or failed.
    bool ended() const noexcept { return memo_->ended().is_set(); }

private:
    detail::handle<detail::memo<A>, detail::role::other> memo_;
};

template <class A>
inline constexpr bool thread_bound<memoized<A>> = true;

struct memoize_fn {
    template <class A>
    auto operator()(A what) const {
        if constexpr (!detail::runnable<A>) {
            static_assert(
                detail::always_false<A>,
                "weir::memoize(operation): takes a task or another operation, or a function that returns one");
        } else {
            constexpr bool copied = std::copy_constructible<typename detail::lazy_operation<A>::result_type>;
            static_assert(copied, "weir::memoize(operation): each who awaits it gets a copy of the result, and this "
                                  "cannot be copied; return a std::shared_ptr to it");
            if constexpr (copied) return memoized<A>(std::move(what));
        }
    }
};

/// memoize(operation): runs the operation once, however many await it, and keeps its result.
/// memoize(f): the same for the operation that f returns, which is called when the first awaits it.
///
///     const auto config = weir::memoize([] { return load("config.json"); });
///     ...
///     use(co_await config.get());   // the first waits for the file, and so do those that come meanwhile
///
/// The operation starts when the first `get()` is awaited, and runs on its own: it continues when that `get()` is
/// dropped.
///
/// Errors: an error of the operation is the result; every `get()` throws it.
/// Dropped: the operation is destroyed with the last copy and the last `get()`.
/// Threads: all copies belong to one executor.
/// Cost: a few allocations; one copy of the result per `get()`.
/// See: share (for streams), oneshot, hedge.
inline constexpr memoize_fn memoize{};

} // namespace weir

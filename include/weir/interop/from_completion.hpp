// SPDX-License-Identifier: MIT
#pragma once

#include <atomic>
#include <concepts>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/poll_checker.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/detail/inbox.hpp>
#include <weir/executor/executor.hpp>
#include <weir/sync/closed.hpp>
#include <weir/threads/detail/remote_waker.hpp>

namespace weir {

namespace detail {

/// The state that an operation shares with the completions that may deliver its result. The operation and each
/// completion own it.
template <class Result>
class completion_state final : public atomic_ref_counted {
public:
    explicit completion_state(std::shared_ptr<inbox> home) noexcept : atomic_ref_counted{1} {
        waker_.bind(std::move(home));
    }

    // For completions, on any thread.

    void add_completion() noexcept {
        retain();
        // relaxed: the caller has a completion, or is the operation that creates the first one.
        completions_.fetch_add(1, std::memory_order_relaxed);
    }
    void remove_completion() noexcept {
        // acq_rel: the last completion sees a result that another one has set.
        if (completions_.fetch_sub(1, std::memory_order_acq_rel) == 1) fail([] { throw closed{"weir::completion"}; });
        release();
    }

    /// Returns false when there is a result already or the operation was dropped.
    template <class... Value>
    bool set(Value&&... value) noexcept {
        return settle([&] { result_.emplace(std::forward<Value>(value)...); });
    }
    /// @param raise  throws the error
    template <class F>
    bool fail(F raise) noexcept {
        return settle(raise);
    }
    bool open() const noexcept { return progress_.load(std::memory_order_acquire) == progress::open; }

    // For the operation, on its executor's thread.

    poll<Result> take(context& cx) {
        if (progress_.load(std::memory_order_acquire) != progress::settled) {
            waker_.wait(cx);
            return pending;
        }
        waker_.leave();
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return *std::move(result_);
    }
    /// To be called when the operation has ended or is dropped: destroys the result, since completions may keep this
    /// object. Returns whether it has prevented a result.
    bool abandon() noexcept {
        waker_.leave();
        const progress before = progress_.exchange(progress::abandoned);
        if (before == progress::settled) discard();
        return before == progress::open;
    }

private:
    enum class progress {
        open,      // there is no result
        settling,  // a completion stores one
        settled,   // the operation may take it
        abandoned, // the operation has ended or was dropped
    };

    template <class F>
    bool settle(F store) noexcept {
        progress expected = progress::open;
        if (!progress_.compare_exchange_strong(expected, progress::settling)) return false;
        try {
            store();
        } catch (...) {
            error_ = std::current_exception();
        }
        expected = progress::settling;
        if (progress_.compare_exchange_strong(expected, progress::settled)) { // pairs with the load in take()
            waker_.wake();
        } else {
            discard(); // the operation was dropped meanwhile
        }
        return true;
    }
    void discard() noexcept {
        result_.reset();
        error_ = nullptr;
    }

    std::atomic<progress> progress_ = progress::open;
    std::atomic<std::size_t> completions_ = 0;
    std::optional<Result> result_;
    std::exception_ptr error_;
    remote_waker waker_{*this};
};

} // namespace detail

/// Delivers the result of a `from_completion` operation. Copies belong to the same operation; the first call of `set`
/// or `fail` on any of them counts.
///
/// Threads: all members may be called on any thread, concurrently.
template <class T = void>
class completion {
    using result = std::conditional_t<std::is_void_v<T>, unit, T>;

public:
    explicit completion(detail::completion_state<result>& state) noexcept : state_{&state} { state_->add_completion(); }
    completion(const completion& other) noexcept : state_{other.state_} {
        if (state_ != nullptr) state_->add_completion();
    }
    completion(completion&& other) noexcept : state_{std::exchange(other.state_, nullptr)} {}
    completion& operator=(completion other) noexcept {
        std::swap(state_, other.state_);
        return *this;
    }
    ~completion() {
        if (state_ != nullptr) state_->remove_completion();
    }

    /// Completes the operation. Returns false when it has a result or an error already, or was dropped. When the result
    /// cannot be constructed, the exception becomes the operation's error.
    template <class U = T>
        requires(!std::is_void_v<T> && std::constructible_from<result, U>)
    bool set(U&& value) const noexcept {
        return state_ != nullptr && state_->set(std::forward<U>(value));
    }
    bool set() const noexcept
        requires std::is_void_v<T>
    {
        return state_ != nullptr && state_->set();
    }
    /// Completes the operation with an error. A null pointer becomes a std::invalid_argument. Returns false as `set`
    /// does.
    bool fail(std::exception_ptr error) const noexcept {
        return state_ != nullptr && state_->fail([&] {
            if (error == nullptr) throw std::invalid_argument{"weir::completion::fail: the error is null"};
            std::rethrow_exception(std::move(error));
        });
    }

    /// Whether the operation still waits for a result.
    bool open() const noexcept { return state_ != nullptr && state_->open(); }

private:
    detail::completion_state<result>* state_; // null when it was moved from
};

/// An operation whose result a callback delivers.
template <class T, class Start>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] completion_operation {
    using started = std::invoke_result_t<Start, completion<T>>;
    using connection = std::conditional_t<std::is_void_v<started>, unit, started>;
    using state = detail::completion_state<std::conditional_t<std::is_void_v<T>, unit, T>>;

public:
    using result_type = std::conditional_t<std::is_void_v<T>, unit, T>;

    explicit completion_operation(Start start) : start_(std::in_place, std::move(start)) {}
    completion_operation(completion_operation&& other)
        : start_(std::move(other.start_)), state_{std::exchange(other.state_, nullptr)} {}
    ~completion_operation() { leave(); }

    poll<result_type> poll_result(context& cx) {
        if (state_ == nullptr) {
            state_ = new state{detail::executor_access::inbox(cx.executor())};
            begin();
            if (cx.stopping()) return cx.yield();
        }
        auto result = state_->take(cx);
        if (!result.is_pending()) leave();
        return result;
    }

private:
    static constexpr bool cancels = std::invocable<connection&>;

    void begin() {
        if constexpr (std::is_void_v<started>) {
            std::invoke(*std::move(start_), completion<T>{*state_});
        } else {
            connection_.emplace(std::invoke(*std::move(start_), completion<T>{*state_}));
        }
    }
    void leave() noexcept {
        state* const known = std::exchange(state_, nullptr);
        if (known == nullptr) return;
        const bool prevented = known->abandon();
        if constexpr (cancels) {
            if (prevented && connection_) std::invoke(*connection_);
        }
        connection_.reset();
        start_.reset();
        known->release();
    }

    std::optional<Start> start_; // kept until the end: what it captured may be in use
    state* state_ = nullptr;     // from the first poll until the end
    std::optional<connection> connection_;
};

/// `co_await from_completion<T>(start)`: the result of a function that reports once, by a callback. For many results,
/// see from_callback.
///
///     auto asked = weir::from_completion<reply>([&](weir::completion<reply> done) {
///         const auto id = client.ask(question, [done](reply r) { done.set(std::move(r)); });
///         return [&client, id] { client.cancel(id); };
///     });
///     const reply answer = co_await asked;
///
/// The first poll calls start, on the executor's thread, with a completion. What start returns is kept until the end.
/// If it can be called without arguments it is the function that cancels.
///
/// Errors: exceptions of start; those passed to `completion::fail`; `closed` when the last completion is destroyed and
/// none was used.
/// Dropped: calls the function that cancels, unless a result has been delivered, and destroys it. `completion::set`
/// returns false from then on. When a result and the drop coincide, exactly one of them happens: either `set` returns
/// true, or the function is called. The function must not throw.
/// Threads: the completion may be used on any thread, also after the executor has ended. start, and what it returns,
/// belong to the executor's thread.
/// Cost: one allocation.
/// See: from_callback, from_future, oneshot.
template <class T = void, class Start>
auto from_completion(Start start) {
    if constexpr (!std::invocable<Start, completion<T>>) {
        static_assert(detail::always_false<Start>,
                      "weir::from_completion<T>(start): start cannot be called with a weir::completion<T>");
    } else {
        static_assert(std::is_void_v<T> || detail::crossable<T>,
                      "weir::from_completion<T>(start): T crosses threads, and is bound to its thread, as weir::bytes "
                      "are, or borrows its memory; complete it with what owns it, such as bytes.to_string()");
        return completion_operation<T, Start>{std::move(start)};
    }
}

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <utility>

#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace support {

/// An operation in the hands of the test: when it completes and with what, and what was asked of it.
template <class T>
class manual {
    struct state {
        std::optional<T> result;
        std::exception_ptr error;
        weir::waker_slot waiter;
        std::size_t polls = 0;
        bool taken = false;
        bool dropped = false;
    };

public:
    class operation_type {
    public:
        using result_type = T;

        explicit operation_type(std::shared_ptr<state> s) noexcept : state_{std::move(s)} {}
        operation_type(operation_type&&) noexcept = default;
        ~operation_type() {
            if (state_ == nullptr) return;
            state_->dropped = true;
            state_->waiter.disarm();
        }

        weir::poll<T> poll_result(weir::context& cx) {
            state& s = *state_;
            ++s.polls;
            if (s.taken) std::terminate();
            if (s.result || s.error) s.taken = true;
            if (s.error) std::rethrow_exception(s.error);
            if (s.result) return weir::poll<T>{*std::move(s.result)};
            s.waiter.arm(cx.waker());
            return weir::pending;
        }

    private:
        std::shared_ptr<state> state_;
    };

    operation_type operation() const { return operation_type{state_}; }

    void complete(T result) {
        state_->result.emplace(std::move(result));
        state_->waiter.wake();
    }
    void fail(std::exception_ptr error) {
        state_->error = std::move(error);
        state_->waiter.wake();
    }

    std::size_t polls() const noexcept { return state_->polls; }
    /// Its result or its error was handed over.
    bool taken() const noexcept { return state_->taken; }
    bool started() const noexcept { return state_->polls != 0; }
    bool running() const noexcept { return started() && !state_->dropped; }
    bool dropped() const noexcept { return state_->dropped; }

private:
    std::shared_ptr<state> state_ = std::make_shared<state>();
};

/// Waits for another turn, without a coroutine and without memory.
class one_turn {
public:
    using result_type = int;

    explicit one_turn(int result) noexcept : result_{result} {}

    weir::poll<int> poll_result(weir::context& cx) noexcept {
        if (std::exchange(waited_, true)) return result_;
        cx.waker().wake();
        return weir::pending;
    }

private:
    int result_;
    bool waited_ = false;
};

/// The same as a stream: one_turn before each of n times the item.
class late_items {
public:
    using value_type = int;

    explicit late_items(int item, int n = 1) noexcept : item_{item}, left_{n} {}

    weir::poll<int> poll_next(weir::context& cx) noexcept {
        if (left_ == 0) return weir::done;
        if (!std::exchange(waited_, true)) {
            cx.waker().wake();
            return weir::pending;
        }
        waited_ = false;
        --left_;
        return item_;
    }

private:
    int item_;
    int left_;
    bool waited_ = false;
};

} // namespace support

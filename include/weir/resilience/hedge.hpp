// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/frame_pool.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/executor/detail/time_limit.hpp>
#include <weir/executor/executor.hpp>
#include <weir/operators/detail/children.hpp>

namespace weir {

struct hedge_options {
    /// The maximum number of attempts, including the first.
    std::size_t max = 2;
    /// Returns whether an error is worth another attempt. Any other error is the result at once. By default all errors
    /// are.
    std::function<bool(std::exception_ptr)> when = {};
};

/// The operation of `hedge`.
template <class Factory>
class [[nodiscard("co_await it, or pass it to weir::run or spawn")]] hedge_operation {
    using attempt_t = std::invoke_result_t<Factory&>;

public:
    using result_type = typename attempt_t::result_type;

    hedge_operation(Factory factory, duration after, hedge_options options)
        : factory_(std::move(factory)), delay_{after}, options_{std::move(options)} {}

    poll<result_type> poll_result(context& cx) {
        for (;;) {
            while (!ready_.empty()) {
                if (!cx.spend() || cx.leaving()) return cx.yield();
                auto answer = ask(static_cast<attempt&>(ready_.pop_front()), cx);
                if (answer.is_item()) return answer;
            }
            if (started_ == options_.max) {
                if (running_ == 0) std::rethrow_exception(std::exchange(error_, nullptr));
                break;
            }
            if (!due_ && !(delay_over_ && delay_over_->over(cx))) break;
            start_attempt(cx);
            if (cx.stopping()) return cx.yield();
        }
        return ready_.wait(cx);
    }

private:
    struct attempt : detail::child, detail::pooled {
        explicit attempt(attempt_t&& made) : operation(std::move(made)) {}

        std::optional<attempt_t> operation;
        std::unique_ptr<attempt> before;
    };

    friend detail::described;

    void describe(detail::wait_report& report) {
        report.stage(detail::type_name<hedge_operation>(), std::to_string(running_) + " attempts run");
        for (attempt* one = attempts_.get(); one != nullptr; one = one->before.get()) {
            if (one->operation) report.cause(*one);
        }
    }

    void start_attempt(context& cx) {
        ++started_;
        due_ = false;
        delay_over_.reset();
        try {
            auto fresh = std::make_unique<attempt>(std::invoke(factory_));
            fresh->before = std::move(attempts_);
            attempts_ = std::move(fresh);
            ready_.adopt(*attempts_, cx.waker());
            ++running_;
        } catch (...) {
            failed();
            return;
        }
        if (started_ != options_.max && delay_ != duration::max())
            delay_over_.emplace().set(cx.executor(), cx.executor().time_after(delay_));
    }

    /// Polls an attempt. Returns a result; otherwise handles the failure and returns pending.
    poll<result_type> ask(attempt& one, context& cx) {
        poll<result_type> result{pending};
        try {
            nested_context own{cx, one};
            result = one.operation->poll_result(own);
        } catch (...) {
            one.retire();
            one.operation.reset();
            --running_;
            failed();
            return pending;
        }
        if (result.is_item()) drop_all();
        return result;
    }

    /// To be called in a catch block.
    void failed() {
        error_ = std::current_exception();
        if (options_.when && !options_.when(error_)) {
            drop_all();
            throw;
        }
        due_ = true;
    }

    void drop_all() noexcept {
        ready_.clear();
        while (attempts_ != nullptr) attempts_ = std::move(attempts_->before);
        delay_over_.reset();
    }

    Factory factory_; // must outlive the coroutines that it returns
    duration delay_;
    hedge_options options_;
    std::unique_ptr<attempt> attempts_; // a list, the last attempt first
    detail::ready_children ready_{*this};
    std::optional<detail::time_limit> delay_over_; // engaged as long as there may be another attempt
    std::size_t started_ = 0;
    std::size_t running_ = 0;
    bool due_ = true; // another attempt is to start now
    std::exception_ptr error_;
};

struct hedge_fn {
    template <class Factory>
    auto operator()(Factory&& factory, duration after, hedge_options options = {}) const {
        using factory_t = std::remove_cvref_t<Factory>;
        if constexpr (operation<factory_t>) {
            static_assert(detail::always_false<Factory>,
                          "weir::hedge(factory, delay): an operation runs once; wrap what makes it: "
                          "hedge([]{ return ...; }, delay)");
        } else if constexpr (!detail::returns_operation<factory_t&>) {
            static_assert(
                detail::always_false<Factory>,
                "weir::hedge(factory, delay): factory cannot be called without arguments, or does not return a "
                "task or another operation");
        } else {
            if (after < duration::zero()) throw std::invalid_argument{"weir::hedge(factory, delay): delay is negative"};
            if (options.max == 0) throw std::invalid_argument{"weir::hedge(factory, delay, options): max is 0"};
            return hedge_operation<factory_t>{std::forward<Factory>(factory), after, std::move(options)};
        }
    }
};

/// hedge(factory, delay, {.max, .when}): runs the operation that factory returns. When it has no result within delay,
/// another attempt starts beside it. The first result of any attempt is the result; the other attempts are dropped
/// before it is returned.
///
///     first attempt   ----------------|
///     second          ------=====|          delay 6
///     hedge           -----------a
///
///     auto page = co_await weir::hedge([&] { return fetch(any_replica()); }, 50ms);
///     auto page = co_await weir::hedge(fetch_one, 50ms, {.max = 3});
///
/// The operations must be idempotent, since several may take effect. Hedging pays off for operations that are
/// occasionally slow, and costs little when most of them are faster than delay (Dean and Barroso, The Tail at Scale).
///
/// When an attempt fails, the next one starts at once, and the delay counts from there, as in gRPC's hedging. A delay
/// of zero starts all attempts at once; duration::max() starts one only after a failure.
///
/// Errors: the error of the last attempt to fail, when all have failed; an error for which `when` returns false, at
/// once.
/// Dropped: drops all attempts.
/// Cost: one allocation per attempt, from a pool; one timer.
/// See: retry, when_any.
///
/// @param delay  >= 0
/// @throws std::invalid_argument when delay is negative or max is 0
inline constexpr hedge_fn hedge{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>
#include <weir/sync/broadcast.hpp>

namespace weir::detail {

/// What `items | sink` returns for a subscription of items of type T.
template <class T, class Sink>
using side_operation_t = decltype(std::declval<subscription<T>>() | std::declval<Sink>());

/// Whether a Sink is a closure that ends in a sink, for items of type T.
template <class T, class Sink>
consteval bool is_side_sink() {
    if constexpr (is_closure<Sink>) return operation<side_operation_t<T, Sink>>;
    return false;
}

/// A sink beside the main flow of an operator. It has a waker of its own, and wakes the operator's consumer when it has
/// ended.
template <class T, class Sink>
class side_sink {
public:
    side_sink(Sink sink, subscribe_options<T> options) : options_(std::move(options)), sink_(std::move(sink)) {}

    const broadcast<T>& hub() const noexcept { return hub_; }
    bool running() const noexcept { return static_cast<bool>(operation_); }
    bool failed() const noexcept { return error_ != nullptr; }
    std::exception_ptr take_error() noexcept { return std::exchange(error_, nullptr); }
    [[noreturn]] void rethrow() { std::rethrow_exception(take_error()); }

    /// Lets the sink do at once what it would do in the next turn; at the first call, starts it. Returns false when a
    /// callee dropped the operator.
    [[nodiscard]] bool drive(context& cx) {
        if (sink_) {
            driver_.bind(*this, cx.waker());
            operation_.construct_with([&] { return hub_.subscribe(std::move(options_)) | *std::move(sink_); });
            sink_.reset();
        } else if (!driver_.queued()) {
            return true;
        }
        nested_context own{cx, driver_};
        poll(own);
        return !cx.stopping();
    }

    /// The operator's consumer waits: it is woken when the sink has ended.
    pending_t wait(context& cx) noexcept {
        consumer_.arm(cx.waker());
        return pending;
    }

    void drop() noexcept { operation_.reset(); }

private:
    using operation_type = side_operation_t<T, Sink>;

    friend described;

    void describe(wait_report& report) {
        report.object(this, "the sink beside the stream", "has not ended");
        report.cause(driver_);
    }

    void run() noexcept {
        context cx{driver_};
        poll(cx);
    }

    void poll(context& cx) noexcept {
        if (!running()) return;
        try {
            if (operation_->poll_result(cx).is_pending() || cx.stopping()) return;
        } catch (...) {
            if (cx.stopping()) return;
            error_ = std::current_exception();
        }
        operation_.reset();
        consumer_.wake();
    }

    broadcast<T> hub_;
    subscribe_options<T> options_;
    resettable<Sink> sink_; // until it is started
    manual_lifetime<operation_type> operation_;
    std::exception_ptr error_;
    described_slot consumer_{*this};
    member_waker<side_sink, &side_sink::run> driver_;
};

/// Base of an operator that passes items on and copies them to a sink.
template <stream S, class Sink>
class beside_a_sink {
    using T = item_t<S>;

public:
    using value_type = T;

protected:
    beside_a_sink(S upstream, Sink sink, subscribe_options<T> options)
        : upstream_(std::move(upstream)), side_(std::move(sink), std::move(options)) {}

    /// Whether upstream has neither ended nor failed.
    bool open() const noexcept { return upstream_.has_value(); }
    side_sink<T, Sink>& side() noexcept { return side_; }

    /// Asks upstream for an item and sends a copy to the sink. When upstream has ended or failed, it is destroyed, the
    /// sink sees the end or the error, and the answer is `done`.
    poll<T> pass(context& cx) {
        try {
            auto item = upstream_->poll_next(cx);
            if (item.is_item() && !cx.stopping()) side_.hub().try_send(std::as_const(*item));
            if (cx.stopping()) return pending;
            if (!item.is_done()) return item;
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
        }
        upstream_.reset();
        error_ == nullptr ? side_.hub().close() : side_.hub().fail(error_);
        return done;
    }

    /// Destroys upstream before its end.
    void abandon() noexcept { upstream_.reset(); }

    /// The end, or the error of upstream.
    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }

private:
    resettable<S> upstream_; // until its end
    side_sink<T, Sink> side_;
    std::exception_ptr error_;
};

} // namespace weir::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// The signal of an operator: the first item of a stream, or the result of an operation. It has a waker of its own, so
/// that the operator polls it only at first and after each wake.
template <class Operator, class Signal>
class watched_signal {
public:
    explicit watched_signal(Signal signal) : signal_(std::move(signal)) {}

    /// Whether the signal exists.
    explicit operator bool() const noexcept { return signal_.has_value(); }
    void reset() noexcept { signal_.reset(); }

    /// Whether the signal must be polled.
    bool due() const noexcept { return woken_ || watch_.queued(); }

    /// Polls the signal. Returns the end of a signal that cannot arrive any more.
    poll<unit> ask(context& cx) {
        woken_ = false;
        if (!signal_) return done;
        watch_.bind(*this, cx.waker());
        nested_context inner{cx, watch_};
        if constexpr (stream<Signal>) {
            auto item = signal_->poll_next(inner);
            if (!item.is_item()) return item.template rebind<unit>();
        } else {
            if (signal_->poll_result(inner).is_pending()) return pending;
        }
        return unit{};
    }

    /// The operator waits for upstream: a wake of the signal also wakes the operator.
    void wait(context& cx) noexcept { operator_.arm(cx.waker()); }

    void outline(stage_outline& out) const { out.upstream(signal_); }

private:
    friend described;

    void describe(wait_report& report) {
        if (!signal_) return;
        report.stage(type_name<Operator>(), "its signal has not arrived");
        report.cause(watch_);
    }

    void wake() noexcept {
        woken_ = true;
        operator_.wake();
    }

    resettable<Signal> signal_;
    described_slot operator_{*this};
    bool woken_ = true; // the signal has not been polled since it woke the operator
    member_waker<watched_signal, &watched_signal::wake> watch_;
};

} // namespace weir::detail

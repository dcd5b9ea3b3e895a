// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// Base of an operator that polls upstream whether or not its own consumer waits. Its driver is a waker on the run
/// queue.
///
/// The operator implements three functions, which the driver calls:
///
///     bool wants(context&);          // whether to poll upstream now; the context's waker is the driver's
///     void on_item(item, context&);  // accepts an item; an exception fails the stream
///     void upstream_ended(context&); // upstream ended or failed; optional
///
/// The operator wakes the consumer with `notify()` when it has an item for it. The operator holds the items; this base
/// holds the error until the items have been delivered.
template <class Operator, stream S>
class prefetching_operator {
public:
    void outline(stage_outline& out) const { out.upstream(upstream_); }

protected:
    explicit prefetching_operator(S upstream) : upstream_(std::move(upstream)) {}

    /// Whether upstream has neither ended nor failed.
    bool open() const noexcept { return upstream_.has_value(); }

    /// To be called in a poll that has no item to return. Pulls at once what the driver would pull in the next turn.
    /// Returns false when a callee dropped the operator; then no member of it may be used.
    [[nodiscard]] bool drive(context& consumer) {
        if (!driver_.bound()) {
            driver_.bind(*this, consumer.waker());
        } else if (!driver_.queued()) {
            consumer.propagate_deadline_to(driver_);
            return true; // nothing has happened upstream
        }
        nested_context cx{consumer, driver_};
        pull(cx);
        return !consumer.stopping();
    }

    /// Lets the driver pull again, after the operator has made room.
    void resume() noexcept {
        if (open()) driver_.wake();
    }

    /// Wakes the consumer: an item is ready for it.
    void notify() noexcept { consumer_.wake(); }

    pending_t wait(context& cx) noexcept {
        consumer_.arm(cx.waker());
        return pending;
    }

    /// Destroys upstream before its end.
    void abandon() noexcept { upstream_.reset(); }

    /// Reports how upstream ended. To be called when all items were delivered.
    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }
    bool failed() const noexcept { return error_ != nullptr; }

    void upstream_ended(context&) noexcept {}

private:
    friend described;

    void describe(wait_report& report) {
        report.stage(type_name<Operator>(), "has no item for its consumer, and has asked upstream");
        report.cause(driver_);
    }

    Operator& self() noexcept { return static_cast<Operator&>(*this); }

    void run() noexcept {
        context cx{driver_};
        pull(cx);
    }

    void pull(context& cx) noexcept {
        try {
            if (!open() || !self().wants(cx)) return;
            const auto pass_on = [&](item_t<S>&& item) {
                self().on_item(std::move(item), cx);
                return cx.stopping() || self().wants(cx);
            };
            if (poll_each_unless_dropped<true>(*upstream_, cx, pass_on) == flow::done && !cx.stopping()) close(cx);
        } catch (...) {
            if (cx.stopping()) return;
            error_ = std::current_exception();
            close(cx);
        }
    }

    void close(context& cx) noexcept {
        upstream_.reset();
        self().upstream_ended(cx);
        notify();
    }

    resettable<S> upstream_;
    std::exception_ptr error_;
    described_slot consumer_{*this};
    member_waker<prefetching_operator, &prefetching_operator::run> driver_;
};

} // namespace weir::detail

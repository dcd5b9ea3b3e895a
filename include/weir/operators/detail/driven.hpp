// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// Base of an operator that asks upstream for items whether or not its own consumer waits: a driver on the run queue.
///
/// The operator gives three functions, which the driver calls:
///
///     bool wants(context&);          // ask for an item now? The context's waker is the driver's
///     void take(item, context&);     // an item came; an exception fails the stream
///     void upstream_ended(context&); // or failed; may be left out
///
/// and wakes the consumer with `notify()` when it has something to give. What waits to be given is the operator's;
/// the error is kept here until then.
template <class Operator, stream S>
class driven {
protected:
    explicit driven(S upstream) : upstream_(std::in_place, std::move(upstream)) {}

    /// Upstream may have more.
    bool open() const noexcept { return upstream_.has_value(); }

    /// For a poll that finds nothing to give: pulls at once what the driver would pull in its turn. False when something
    /// that was called dropped the operator: then nothing of it may be touched.
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

    /// It wants items again.
    void resume() noexcept {
        if (open()) driver_.wake();
    }

    /// There is something to give.
    void notify() noexcept { consumer_.wake(); }

    pending_t wait(context& cx) noexcept {
        consumer_.arm(cx.waker());
        return pending;
    }

    /// How upstream ended, when all else was given.
    done_t finish() {
        if (error_ != nullptr) std::rethrow_exception(std::exchange(error_, nullptr));
        return done;
    }
    bool failed() const noexcept { return error_ != nullptr; }

    void upstream_ended(context&) noexcept {}

private:
    Operator& self() noexcept { return static_cast<Operator&>(*this); }

    void run() noexcept {
        context cx{driver_};
        pull(cx);
    }

    void pull(context& cx) noexcept {
        try {
            while (open() && self().wants(cx)) {
                auto item = upstream_->poll_next(cx);
                if (cx.stopping() || item.is_pending()) return;
                if (item.is_done()) return close(cx);
                self().take(*std::move(item), cx);
                if (cx.stopping()) return;
                if (!cx.spend()) return static_cast<void>(cx.yield());
            }
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

    std::optional<S> upstream_;
    std::exception_ptr error_;
    waker_slot consumer_;
    member_waker<driven, &driven::run> driver_;
};

/// The `on_drop` of operators for whom nobody asks what they drop.
struct drop_silently {
    template <class T>
    void operator()(T&&) const noexcept {}
};

} // namespace weir::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/detail/wait_report.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace weir {

/// The items of an upstream, beside which an operation runs.
template <stream S, operation Background>
class [[nodiscard("add a sink and co_await it")]] concurrently_stream {
public:
    using value_type = item_t<S>;

    concurrently_stream(S upstream, Background background)
        : background_(std::move(background)), upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        if (!begin(cx)) return cx.yield();
        auto item = upstream_->poll_next(cx);
        if (item.is_pending()) consumer_.arm(cx.waker());
        if (item.is_done()) end();
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!begin(cx)) return detail::yield_loop(cx);
        const flow answer = weir::poll_each(*upstream_, cx, consume);
        if (answer == flow::pending) consumer_.arm(cx.waker());
        if (answer == flow::done) end();
        return answer;
    }

    void outline(stage_outline& out) const {
        out.upstream(upstream_);
        out.upstream(background_);
    }

private:
    /// Starts the operation at the first poll, and fails when it has failed. Returns false when it has dropped what
    /// runs.
    bool begin(context& cx) {
        if (!driver_.bound()) {
            driver_.bind(*this, cx.waker());
            run();
            if (cx.leaving()) return false;
        }
        if (error_ != nullptr) {
            end();
            std::rethrow_exception(std::exchange(error_, nullptr));
        }
        return true;
    }

    /// Called by the run queue, too.
    void run() noexcept {
        if (!background_) return;
        context cx{driver_};
        try {
            if (background_->poll_result(cx).is_pending() || cx.stopping()) return;
            background_.reset();
        } catch (...) {
            if (cx.stopping()) return;
            error_ = std::current_exception();
            background_.reset();
            // The consumer may be busy with an item that borrows memory of upstream.
            if constexpr (detail::keepable<value_type>) upstream_.reset();
            consumer_.wake();
        }
    }

    void end() noexcept {
        upstream_.reset();
        background_.reset();
    }

    friend detail::described;

    void describe(detail::wait_report& report) {
        if (!background_) return;
        report.stage(detail::type_name<concurrently_stream>(), "an operation runs beside it");
        report.cause(driver_);
    }

    detail::resettable<Background> background_; // until it has ended
    detail::resettable<S> upstream_;            // until its end
    std::exception_ptr error_;                  // of the operation
    detail::described_slot consumer_{*this};
    detail::member_waker<concurrently_stream, &concurrently_stream::run> driver_;
};

struct concurrently_fn : detail::operator_fn<concurrently_fn> {
    template <class S, class Background>
    using pipeline = concurrently_stream<S, Background>;

    template <class T, class Background>
    static consteval bool accepts() {
        constexpr bool ok = operation<Background>;
        static_assert(ok, "weir::concurrently(background): takes a task or another operation, such as a stream that "
                          "ends in a sink");
        return ok;
    }
};

/// concurrently(background): the items, while an operation runs beside the stream.
///
///     co_await (orders() | weir::concurrently(clock() | weir::for_each(check_stock)) | weir::for_each(ship));
///
///     in                        --a--b--c--|
///     background                ------#
///     concurrently(background)  --a--b#
///
/// The operation starts at the first poll and runs on a waker of its own, whether or not the consumer is busy. Its
/// result is ignored, and when it has ended the stream continues. When the stream ends, the operation is destroyed, as
/// fs2 does. Upstream is destroyed as soon as the operation fails; where items borrow their memory, when the consumer
/// has asked for the next.
///
/// Ends: with upstream. Errors: upstream's; the operation's, at once. Upstream and the operation are destroyed first.
/// Dropped: the operation is destroyed.
/// Cost: no allocation; no item held.
/// See: merge, also_to, take_until (ends with an operation), task_group.
inline constexpr concurrently_fn concurrently{};

} // namespace weir

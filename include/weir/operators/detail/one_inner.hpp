// SPDX-License-Identifier: MIT
#pragma once

#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/member_waker.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/waker.hpp>

namespace weir::detail {

/// Base of operators that run one inner stream, made of an item of upstream, and poll upstream beside it.
template <class Operator, stream S, class F>
class one_inner {
    using inner_t = std::invoke_result_t<F&, item_t<S>>;

public:
    using value_type = item_t<inner_t>;

    poll<value_type> poll_next(context& cx) {
        try {
            auto item = static_cast<Operator&>(*this).poll_streams(cx);
            if (!item.is_pending() || cx.stopping()) return item;
            if (!inner_ && error_ != nullptr) std::rethrow_exception(error_);
            if (!inner_ && !upstream_) return done;
            consumer_.arm(cx.waker());
            return item;
        } catch (...) {
            drop_inner();
            upstream_.reset();
            throw;
        }
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .inner_streams = 1});
        out.upstream(upstream_);
    }

protected:
    one_inner(S upstream, F f) : f_(std::move(f)), upstream_(std::move(upstream)) {}

    /// Whether upstream is worth a poll.
    bool upstream_ready() const noexcept { return upstream_ready_ && upstream_; }
    /// Polls upstream with a waker of its own. Its error is kept until the inner stream has gone.
    poll<item_t<S>> poll_upstream(context& cx) {
        upstream_waker_.bind(*this, cx.waker());
        nested_context own{cx, upstream_waker_};
        poll<item_t<S>> item{pending};
        try {
            item = upstream_->poll_next(own);
        } catch (...) {
            if (cx.stopping()) throw;
            error_ = std::current_exception();
            upstream_.reset();
            return item;
        }
        if (cx.stopping()) return item;
        upstream_ready_ = item.is_item();
        if (item.is_done()) upstream_.reset();
        return item;
    }
    bool upstream_failed() const noexcept { return error_ != nullptr; }

    std::optional<inner_t>& inner() noexcept { return inner_; }
    /// Makes the inner stream of an item.
    void start_inner(item_t<S>&& item, context& cx) {
        item_.emplace(std::move(item));
        auto made = std::invoke(f_, *std::move(item_));
        if (!cx.stopping()) inner_.emplace(std::move(made));
    }
    void drop_inner() noexcept {
        inner_.reset();
        item_.reset();
    }

private:
    friend described;

    void describe(wait_report& report) {
        report.stage(type_name<Operator>(), inner_ ? "runs an inner stream, and has asked upstream for the next"
                                                   : "runs no inner stream, and has asked upstream for one");
        report.cause(upstream_waker_);
    }

    void upstream_woken() noexcept {
        upstream_ready_ = true;
        consumer_.wake();
    }

    [[no_unique_address]] F f_;
    resettable<S> upstream_;
    std::optional<item_t<S>> item_; // exists as long as the inner stream, which may refer to it
    std::optional<inner_t> inner_;
    std::exception_ptr error_; // of upstream
    described_slot consumer_{*this};
    member_waker<one_inner, &one_inner::upstream_woken> upstream_waker_;
    bool upstream_ready_ = true;
};

} // namespace weir::detail

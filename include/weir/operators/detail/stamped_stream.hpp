// SPDX-License-Identifier: MIT
#pragma once

#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>
#include <weir/executor/executor.hpp>

namespace weir::detail {

/// Each item of an upstream with what a stamp returns for the time at which it has arrived.
///
///     void start(time_point now);       // called at the first poll
///     value_type next(time_point now);  // called for each item
template <stream S, class Stamp>
class [[nodiscard("add a sink and co_await it")]] stamped_stream {
public:
    using value_type = std::pair<typename Stamp::value_type, item_t<S>>;

    explicit stamped_stream(S upstream) : upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        start(cx);
        auto item = upstream_.poll_next(cx);
        if (!item.is_item()) return item.template rebind<value_type>();
        return poll<value_type>(value_type(stamp_.next(cx.executor().now()), *std::move(item)));
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        start(cx);
        const auto pass_on = [&](item_t<S>&& item) {
            return consume(value_type(stamp_.next(cx.executor().now()), std::move(item)));
        };
        return poll_each_unless_dropped<may_drop_at_end<item_t<S>>>(upstream_, cx, pass_on);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    void start(context& cx) noexcept {
        if (!std::exchange(started_, true)) stamp_.start(cx.executor().now());
    }

    S upstream_;
    Stamp stamp_;
    bool started_ = false;
};

} // namespace weir::detail

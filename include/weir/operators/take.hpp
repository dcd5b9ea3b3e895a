// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The first n items of an upstream.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] take_stream {
public:
    using value_type = item_t<S>;

    take_stream(S upstream, std::size_t n) : upstream_(std::move(upstream)), left_{n} {}

    poll<value_type> poll_next(context& cx) {
        if (left_ == 0) {
            upstream_.reset();
            return done;
        }
        auto item = upstream_->poll_next(cx);
        if (item.is_item()) --left_;
        return item;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        bool ended = left_ == 0;
        if (!ended) {
            std::size_t left = left_;
            const auto count_down = [&](value_type&& item) {
                --left;
                if (!consume(std::move(item))) return false;
                ended = left == 0;
                return !ended;
            };
            const flow answer = weir::poll_each(*upstream_, cx, count_down);
            left_ = left;
            if (!ended) return answer;
            if constexpr (detail::may_drop_at_end<value_type>) {
                if (cx.leaving()) [[unlikely]]
                    return detail::yield_loop(cx);
            }
        }
        upstream_.reset();
        return flow::done;
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

private:
    detail::resettable<S> upstream_; // empty after the end
    std::size_t left_;
};

struct take_fn : detail::operator_fn<take_fn> {
    template <class S, class N>
    using pipeline = take_stream<S>;

    template <std::integral N>
    constexpr auto operator()(N n) const {
        return with(detail::checked_count(n, "weir::take(n): n is negative"));
    }
};

/// take(n): the first n items, then the end. Upstream is not asked for more.
///
///     in       --1--2--3--4--|
///     take(2)  --1--2|
///
/// Ends: after n items, or with upstream; upstream is destroyed first. take(0) ends at once and never asks.
/// Errors: upstream's, before the n-th item.
/// Cost: no allocation; no item held.
/// See: take_while, take_until, first.
///
/// @throws std::invalid_argument when n is negative
inline constexpr take_fn take{};

} // namespace weir

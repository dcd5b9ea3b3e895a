// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream up to the first for which a predicate does not hold.
template <stream S, class Keep>
class [[nodiscard("add a sink and co_await it")]] take_while_stream {
public:
    using value_type = item_t<S>;

    take_while_stream(S upstream, Keep keep) : upstream_(std::in_place, std::move(upstream)), keep_(std::move(keep)) {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_->poll_next(cx);
        if (!item.is_item()) return item;
        if constexpr (detail::may_drop<Keep>) {
            if (cx.stopping()) [[unlikely]] {
                item = poll<value_type>(cx.yield());
                return item;
            }
        }
        const bool kept = std::invoke(keep_, std::as_const(*item));
        if constexpr (detail::may_drop<Keep>) {
            if (cx.stopping()) [[unlikely]]
                item = poll<value_type>(cx.yield());
        }
        if (kept) return item;
        upstream_.reset();
        return done;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        bool ended = false;
        const auto pass_on = [&](value_type&& item) {
            const bool kept = std::invoke(keep_, std::as_const(item));
            if constexpr (detail::may_drop<Keep>) {
                if (cx.stopping()) [[unlikely]]
                    return true;
            }
            ended = !kept;
            return kept && consume(std::move(item));
        };
        const flow answer = detail::poll_each_unless_dropped<detail::may_drop<Keep>>(*upstream_, cx, pass_on);
        if (!ended) return answer;
        upstream_.reset();
        return flow::done;
    }

private:
    std::optional<S> upstream_; // empty after the end
    [[no_unique_address]] Keep keep_;
};

struct take_while_fn : detail::operator_fn<take_while_fn> {
    template <class S, class Keep>
    using pipeline = take_while_stream<S, Keep>;

    template <class T, class Keep>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Keep&, const T&>;
        static_assert(ok, "weir::take_while(keep): keep cannot be called with an item, or does not give a bool");
        return ok;
    }
};

/// take_while(keep): the items before the first for which keep returns false, then the end. That item is destroyed.
///
///     in                --1--2--3--1--|
///     take_while(x<3)   --1--2--|
///
/// Ends: at that item, or with upstream; upstream is destroyed first.
/// Errors: upstream's, and what keep throws.
/// Cost: no allocation; no item held.
/// See: take, take_until, skip_while, filter.
inline constexpr take_while_fn take_while{};

} // namespace weir

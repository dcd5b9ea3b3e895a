// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

namespace detail {

/// What happens to the item that ends the stream.
enum class last_item { dropped, kept };

} // namespace detail

/// The items of an upstream up to the first for which a predicate does not hold.
template <stream S, class Keep, detail::last_item Last = detail::last_item::dropped>
class [[nodiscard("add a sink and co_await it")]] take_while_stream {
public:
    using value_type = item_t<S>;

    take_while_stream(S upstream, Keep keep) : upstream_(std::move(upstream)), keep_(std::move(keep)) {}

    poll<value_type> poll_next(context& cx) {
        if (ended_) {
            upstream_.reset();
            return done;
        }
        auto item = upstream_->poll_next(cx);
        if (!item.is_item()) return item;
        if constexpr (detail::may_drop<Keep>) {
            if (cx.stopping()) [[unlikely]] {
                item = poll<value_type>(cx.yield());
                return item;
            }
        }
        ended_ = !std::invoke(keep_, std::as_const(*item));
        if constexpr (detail::may_drop<Keep>) {
            if (cx.stopping()) [[unlikely]] {
                item = poll<value_type>(cx.yield());
                return item;
            }
        }
        if (!ended_ || Last == detail::last_item::kept) return item;
        upstream_.reset();
        return done;
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (!ended_) {
            bool wanted = true;
            const auto pass_on = [&](value_type&& item) {
                ended_ = !std::invoke(keep_, std::as_const(item));
                if constexpr (detail::may_drop<Keep>) {
                    if (cx.stopping()) [[unlikely]]
                        return true;
                }
                if (!ended_ || Last == detail::last_item::kept) wanted = consume(std::move(item));
                return wanted && !ended_;
            };
            const flow answer = detail::poll_each_unless_dropped<detail::may_drop<Keep>>(*upstream_, cx, pass_on);
            if (!ended_ || !wanted) return answer;
            if constexpr (detail::may_drop<Keep> || detail::may_drop_at_end<value_type>) {
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
    [[no_unique_address]] Keep keep_;
    bool ended_ = false; // the predicate did not hold
};

struct take_while_fn : detail::operator_fn<take_while_fn> {
    template <class S, class Keep>
    using pipeline = take_while_stream<S, Keep>;

    template <class T, class Keep>
    static consteval bool accepts() {
        constexpr bool ok = std::predicate<Keep&, const T&>;
        static_assert(ok, "weir::take_while(keep): keep cannot be called with an item, or does not return a bool");
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
/// See: take_through, which keeps that item; take, take_until, skip_while, filter.
inline constexpr take_while_fn take_while{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <optional>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream with copies of a separator between them.
template <stream S>
class [[nodiscard("add a sink and co_await it")]] intersperse_stream {
public:
    using value_type = item_t<S>;

    template <class Separator>
    intersperse_stream(S upstream, Separator separator)
        : upstream_(std::move(upstream)), separator_(static_cast<value_type>(std::move(separator))) {}

    poll<value_type> poll_next(context& cx) {
        if (held_) return take_held();
        auto item = upstream_.poll_next(cx);
        if (!item.is_item() || std::exchange(first_, false)) return item;
        held_.emplace(*std::move(item));
        return poll<value_type>(value_type(separator_));
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (held_) {
            if (!consume(*take_held())) return flow::stopped;
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
        const auto pass_on = [&](value_type&& item) {
            if (std::exchange(first_, false)) return static_cast<bool>(consume(std::move(item)));
            const bool wanted = consume(value_type(separator_));
            if (wanted && !(detail::may_drop_at_end<value_type> && cx.leaving())) [[likely]]
                return static_cast<bool>(consume(std::move(item)));
            held_.emplace(std::move(item));
            return wanted; // poll_each_unless_dropped ends the loop
        };
        return detail::poll_each_unless_dropped<detail::may_drop_at_end<value_type>>(upstream_, cx, pass_on);
    }

    void outline(stage_outline& out) const {
        out.holds(2);
        out.upstream(upstream_);
    }

private:
    poll<value_type> take_held() {
        poll<value_type> item(*std::move(held_));
        held_.reset();
        return item;
    }

    S upstream_;
    value_type separator_;
    std::optional<value_type> held_; // its separator has been delivered
    bool first_ = true;
};

struct intersperse_fn : detail::operator_fn<intersperse_fn> {
    template <class S, class Separator>
    using pipeline = intersperse_stream<S>;

    template <class T, class Separator>
    static consteval bool accepts() {
        constexpr bool ok = std::convertible_to<Separator, T>;
        static_assert(ok, "weir::intersperse(separator): the separator does not convert to the stream's item type");
        constexpr bool copies = std::copy_constructible<T>;
        static_assert(copies, "weir::intersperse(separator): the separator is emitted several times, and such items "
                              "cannot be copied");
        constexpr bool kept = detail::keepable<T>;
        static_assert(kept, "weir::intersperse(separator) keeps items, and these borrow their memory; put to_owned() "
                            "before it, or outlives(view) around what outlives it");
        return ok && copies && kept;
    }
};

/// intersperse(separator): the items with a copy of the separator between any two.
///
///     in                --a--b-----c--|
///     intersperse(',')  --a--[,b]--[,c]--|
///
/// The separator is delivered once the item after it has arrived.
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: one copy of the separator per item; one item held, between the separator and the next poll.
/// See: start_with, end_with, join for strings.
inline constexpr intersperse_fn intersperse{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

// Bases of operators that handle one item at a time and hold none. The operator implements one function, which is
// called with each item. The base has the loops over upstream: `poll_next`, and `poll_each`, which passes on ready
// items without returning each of them.
//
// The constructors accept an S and nothing that converts to an S. An async_stream converts from any stream of its
// items, such as the base itself, and the move constructor would have to decide whether the incomplete base is a
// stream.
//
// Callables are the types of the user's functions that the operator calls. A function that may drop the running
// pipeline is not called after upstream has dropped it, and after such a call nothing more is pulled or called.
//
// The bases neither catch exceptions nor remember the end: the owner of the stream then destroys it with its upstream.

/// One item for each item of upstream.
///
///     using value_type = ...;
///     value_type pass(item_t<S>&& item);
template <class Operator, stream S, class... Callables>
class one_to_one {
public:
    auto poll_next(context& cx) {
        using answer = poll<typename Operator::value_type>;
        auto item = upstream_.poll_next(cx);
        if (!item.is_item()) [[unlikely]]
            return item.template rebind<typename answer::value_type>();
        if constexpr ((may_drop<Callables> || ...)) {
            if (cx.stopping()) [[unlikely]]
                return answer(cx.yield());
            answer passed(static_cast<Operator&>(*this).pass(*std::move(item)));
            if (cx.stopping()) [[unlikely]]
                passed = answer(cx.yield());
            return passed;
        } else {
            return answer(static_cast<Operator&>(*this).pass(*std::move(item)));
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        using value_type = typename Operator::value_type;
        constexpr bool may_stop = (may_drop<Callables> || ...) || may_drop_at_end<item_t<S>>;
        const auto pass_on = [&](item_t<S>&& item) {
            value_type passed(static_cast<Operator&>(*this).pass(std::move(item)));
            if constexpr (may_stop) {
                if (cx.stopping()) [[unlikely]]
                    return true;
            }
            return consume(std::move(passed));
        };
        return poll_each_unless_dropped < may_stop || may_drop_at_end < value_type >> (upstream_, cx, pass_on);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

protected:
    template <std::same_as<S> Upstream>
    explicit one_to_one(Upstream upstream) : upstream_(std::move(upstream)) {}

private:
    S upstream_;
};

/// One item or none for each item of upstream.
///
///     using value_type = ...;
///     std::optional<value_type> pass(item_t<S>&& item); // or a reference to one
template <class Operator, stream S, class... Callables>
class one_to_optional {
    static constexpr bool may_stop = (may_drop<Callables> || ...) || may_drop_at_end<item_t<S>>;

public:
    auto poll_next(context& cx) {
        using answer = poll<typename Operator::value_type>;
        for (;;) {
            {
                auto item = upstream_.poll_next(cx);
                if (!item.is_item()) return item.template rebind<typename answer::value_type>();
                if (may_stop && cx.stopping()) return answer(cx.yield());
                auto&& passed = static_cast<Operator&>(*this).pass(*std::move(item));
                if (passed && !(may_stop && cx.stopping())) return answer(*std::forward<decltype(passed)>(passed));
            }
            if (!cx.spend() || (may_stop && cx.leaving())) return answer(cx.yield());
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        using value_type = typename Operator::value_type;
        const auto pass_on = [&](item_t<S>&& item) {
            auto&& passed = static_cast<Operator&>(*this).pass(std::move(item));
            if (!passed || (may_stop && cx.stopping())) return true;
            if constexpr (std::is_same_v<decltype(*std::forward<decltype(passed)>(passed)), value_type&&>) {
                return consume(*std::forward<decltype(passed)>(passed));
            } else {
                return consume(value_type(*passed));
            }
        };
        return poll_each_unless_dropped < may_stop || may_drop_at_end < value_type >> (upstream_, cx, pass_on);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

protected:
    template <std::same_as<S> Upstream>
    explicit one_to_optional(Upstream upstream) : upstream_(std::move(upstream)) {}

private:
    S upstream_;
};

/// The items of upstream that the operator selects, unchanged.
///
///     bool selects(const item_t<S>& item);
template <class Operator, stream S, class... Callables>
class selection {
    static constexpr bool may_stop = (may_drop<Callables> || ...) || may_drop_at_end<item_t<S>>;

public:
    using value_type = item_t<S>;

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            { // a scope in which all returns name one object: clang constructs the item where it is returned
                auto item = upstream_.poll_next(cx);
                if (!item.is_item()) return item;
                if constexpr ((may_drop<Callables> || ...)) {
                    if (cx.stopping()) [[unlikely]] {
                        item = poll<value_type>(cx.yield());
                        return item;
                    }
                }
                const bool selected = static_cast<Operator&>(*this).selects(std::as_const(*item));
                if constexpr ((may_drop<Callables> || ...)) {
                    if (cx.stopping()) [[unlikely]] {
                        item = poll<value_type>(cx.yield());
                        return item;
                    }
                }
                if (selected) return item;
            }
            if (!cx.spend() || (may_stop && cx.leaving())) return cx.yield();
        }
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        constexpr bool calls = (may_drop<Callables> || ...);
        const auto pass_on = [&](item_t<S>&& item) {
            const bool selected = static_cast<Operator&>(*this).selects(std::as_const(item));
            if constexpr (calls) {
                if (cx.stopping()) [[unlikely]]
                    return true;
            }
            return !selected || consume(std::move(item));
        };
        return poll_each_unless_dropped<calls>(upstream_, cx, pass_on);
    }

    void outline(stage_outline& out) const { out.upstream(upstream_); }

protected:
    template <std::same_as<S> Upstream>
    explicit selection(Upstream upstream) : upstream_(std::move(upstream)) {}

private:
    S upstream_;
};

} // namespace weir::detail

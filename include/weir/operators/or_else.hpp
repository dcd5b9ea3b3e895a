// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream, or those of another stream when upstream has no item.
template <stream S, stream Other>
class [[nodiscard("add a sink and co_await it")]] or_else_stream {
public:
    using value_type = item_t<S>;

    or_else_stream(S upstream, Other other) : upstream_(std::move(upstream)), other_(std::move(other)) {}

    poll<value_type> poll_next(context& cx) {
        if (upstream_) {
            auto item = upstream_->poll_next(cx);
            has_items_ = has_items_ || item.is_item();
            if (!item.is_done() || has_items_) return item;
            upstream_.reset();
            if (cx.stopping()) return cx.yield();
        }
        return other_.poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        if (upstream_) {
            const auto pass_on = [&](value_type&& item) {
                has_items_ = true;
                return consume(std::move(item));
            };
            const flow answer = weir::poll_each(*upstream_, cx, pass_on);
            if (answer != flow::done || has_items_) return answer;
            upstream_.reset();
            if (cx.stopping()) return detail::yield_loop(cx);
        }
        return weir::poll_each(other_, cx, consume);
    }

    void outline(stage_outline& out) const {
        out.upstream(upstream_);
        out.upstream(other_);
    }

private:
    detail::resettable<S> upstream_; // empty after its end without items
    Other other_;
    bool has_items_ = false;
};

struct or_else_fn : detail::operator_fn<or_else_fn> {
    template <class S, class Other>
    using pipeline = or_else_stream<S, Other>;

    template <class T, class Other>
    static consteval bool accepts() {
        constexpr bool streams = stream<Other>;
        static_assert(streams, "weir::or_else(other): takes a stream; write default_if_empty(value) for a value");
        if constexpr (streams) {
            constexpr bool same = std::same_as<item_t<Other>, T>;
            static_assert(same, "weir::or_else(other): other has another item type than what is left of |");
            return same;
        }
        return false;
    }
};

/// or_else(other): the items, or those of the stream other when upstream ends without an item.
///
///     in              ------|
///     other           -1-2|
///     or_else(other)  -------1-2|
///
/// Other is not polled before upstream has ended without an item.
///
/// Ends: with upstream if it had items, else with other; upstream is destroyed before other is polled.
/// Errors: those of the stream that is read. An upstream that fails without an item is not empty: see on_error_resume.
/// Cost: no allocation; no item held.
/// See: default_if_empty, concat, on_error_resume.
inline constexpr or_else_fn or_else{};

} // namespace weir

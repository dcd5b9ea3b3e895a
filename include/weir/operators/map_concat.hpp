// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/stream.hpp>

namespace weir {

namespace detail {

/// The type in which a returned range is kept: an lvalue reference or an object.
template <class F, class... Args>
using kept_result_t =
    std::conditional_t<std::is_lvalue_reference_v<std::invoke_result_t<F, Args...>>, std::invoke_result_t<F, Args...>,
                       std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

} // namespace detail

/// The items of the ranges that a function returns for the items of an upstream, one range after the other.
template <stream S, class F>
class [[nodiscard("add a sink and co_await it")]] map_concat_stream {
    using range_t = detail::kept_result_t<F&, item_t<S>>;

public:
    using value_type = std::ranges::range_value_t<range_t>;

    map_concat_stream(S upstream, F f) : upstream_(std::move(upstream)), f_(std::move(f)) {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            if (range_) {
                auto inner = range_->next();
                if (inner.is_item()) return inner;
                range_.reset();
                item_.reset();
                if (!cx.spend() || cx.leaving()) return cx.yield();
            }
            auto item = upstream_.poll_next(cx);
            if (!item.is_item()) return item.template rebind<value_type>();
            if (cx.stopping()) return cx.yield();
            item_.emplace(*std::move(item));
            range_.emplace(std::invoke(f_, std::move(*item_)));
            if (cx.stopping()) return cx.yield();
        }
    }

    void outline(stage_outline& out) const {
        out.holds({.items = 1, .inner_streams = 1});
        out.upstream(upstream_);
    }

private:
    S upstream_;
    [[no_unique_address]] F f_;
    std::optional<item_t<S>> item_; // exists as long as the range, which may be a view of it
    std::optional<detail::range_items<range_t>> range_;
};

struct map_concat_fn : detail::operator_fn<map_concat_fn> {
    template <class S, class F>
    using pipeline = map_concat_stream<S, F>;

    template <class T, class F>
    static consteval bool accepts() {
        constexpr bool called = std::invocable<F&, T>;
        static_assert(called, "weir::map_concat(f): f cannot be called with an item");
        if constexpr (called) {
            constexpr bool streams = stream<std::remove_cvref_t<std::invoke_result_t<F&, T>>>;
            static_assert(!streams, "weir::map_concat(f): f returns a stream, not a range; write concat_map(f)");
            constexpr bool ranges = streams || detail::readable_range<detail::kept_result_t<F&, T>>;
            static_assert(ranges,
                          "weir::map_concat(f): f does not return a range whose items can be copied or moved out");
            return ranges && !streams;
        }
        return false;
    }
};

/// map_concat(f): the items of the ranges that f returns, one by one, range after range. Upstream is polled for the
/// next item when a range has ended.
///
///     in               --a---------b--|
///     map_concat(x,x)  --[aa]------[bb]--|
///
/// Ends: with upstream, after the last range. Errors: upstream's, and what f and the ranges throw.
/// Cost: no allocation; one item and its range held.
/// Lifetime: the item and its range are kept until the range has ended, so that the range may be a view of the item; f
/// then takes the item by reference. The elements of a container that f returns by value are moved out.
/// See: concat_map for streams, flat_map.
inline constexpr map_concat_fn map_concat{};

} // namespace weir

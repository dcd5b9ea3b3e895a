#pragma once

#include <functional>
#include <optional>
#include <ranges>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/stream.hpp>

namespace weir {

namespace detail {

/// What a function gives, as the type of a range to keep: an lvalue reference or an object.
template <class F, class... Args>
using kept_result_t =
    std::conditional_t<std::is_lvalue_reference_v<std::invoke_result_t<F, Args...>>, std::invoke_result_t<F, Args...>,
                       std::remove_cvref_t<std::invoke_result_t<F, Args...>>>;

} // namespace detail

/// The items of the ranges that a function makes of an upstream's items, one range after the other.
template <stream S, class F>
class map_concat_stream {
    using range_t = detail::kept_result_t<F&, item_t<S>>;

public:
    using value_type = std::ranges::range_value_t<range_t>;

    map_concat_stream(S upstream, F f) : upstream_{std::move(upstream)}, f_{std::move(f)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            if (range_) {
                auto inner = range_->next();
                if (inner.is_item()) return inner;
                range_.reset();
                item_.reset();
                if (!cx.spend()) return cx.yield();
            }
            auto item = upstream_.poll_next(cx);
            if (!item.is_item()) return item.template no_item<value_type>();
            item_.emplace(*std::move(item));
            range_.emplace(std::invoke(f_, std::move(*item_)));
        }
    }

private:
    S upstream_;
    [[no_unique_address]] F f_;
    std::optional<item_t<S>> item_; // the range may be a view of it
    std::optional<detail::range_items<range_t>> range_;
};

struct map_concat_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f) const {
        return closure{[f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::map_concat(f): what is left of | is not a stream");
            } else if constexpr (!std::invocable<F&, item_t<S>>) {
                static_assert(detail::always_false<S>, "weir::map_concat(f): f cannot be called with an item");
            } else if constexpr (stream<std::remove_cvref_t<std::invoke_result_t<F&, item_t<S>>>>) {
                static_assert(detail::always_false<S>,
                              "weir::map_concat(f): f gives a stream, not a range; write concat_map(f)");
            } else if constexpr (!detail::readable_range<detail::kept_result_t<F&, item_t<S>>>) {
                static_assert(detail::always_false<S>,
                              "weir::map_concat(f): f does not give a range whose items can be copied or moved out");
            } else {
                return map_concat_stream<S, F>{std::move(upstream), std::move(f)};
            }
        }};
    }
};

/// map_concat(f): f makes a range of each item; the items of the ranges come out one by one, range after range. The
/// next item is asked for when a range is at its end.
///
///     in               --a---------b--|
///     map_concat(x,x)  --[aa]------[bb]--|
///
/// Ends and fails with its upstream. An exception from f or from a range ends the stream.
///
/// Lifetime: the item and the range are kept until the range is at its end, so the range may be a view of the item: f
/// takes the item by reference for that. A container that f returns by value is emptied by moving.
inline constexpr map_concat_fn map_concat{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <optional>
#include <ranges>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/detail/range_items.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/poll_each.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// Values, and then the items of an upstream.
template <stream S, std::size_t N>
class [[nodiscard("add a sink and co_await it")]] start_with_stream {
public:
    using value_type = item_t<S>;

    // At least one value: without one, clang would treat the constructor as a conversion, and would check whether the
    // incomplete class is a stream.
    template <class First, class... Rest>
    start_with_stream(S upstream, First front, Rest... rest)
        : upstream_(std::move(upstream)),
          values_{static_cast<value_type>(std::move(front)), static_cast<value_type>(std::move(rest))...} {}

    poll<value_type> poll_next(context& cx) {
        if (next_ != N) return poll<value_type>(std::move(values_[next_++]));
        return upstream_.poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        while (next_ != N) {
            if (!consume(value_type(std::move(values_[next_++])))) return flow::stopped;
            if (!cx.spend()) return detail::yield_loop(cx);
            if constexpr (detail::may_drop_at_end<value_type>) {
                if (cx.leaving()) [[unlikely]]
                    return detail::yield_loop(cx);
            }
        }
        return weir::poll_each(upstream_, cx, consume);
    }

    void outline(stage_outline& out) const {
        out.holds(N);
        out.upstream(upstream_);
    }

private:
    S upstream_;
    std::array<value_type, N> values_;
    std::size_t next_ = 0;
};

/// The elements of a range, and then the items of an upstream.
template <stream S, detail::readable_range R>
class [[nodiscard("add a sink and co_await it")]] start_with_range_stream {
public:
    using value_type = item_t<S>;

    start_with_range_stream(S upstream, R range)
        : upstream_(std::move(upstream)), elements_(std::in_place, std::move(range)) {}

    poll<value_type> poll_next(context& cx) {
        if (elements_) {
            auto element = elements_->next();
            if (cx.stopping()) return cx.yield(); // an iterator of the user's has dropped what runs
            if (element.is_item()) return poll<value_type>(static_cast<value_type>(*std::move(element)));
            elements_.reset();
        }
        return upstream_.poll_next(cx);
    }

    template <class Consume>
    flow poll_each(context& cx, Consume& consume) {
        while (elements_) {
            auto element = elements_->next();
            if (cx.stopping()) return detail::yield_loop(cx);
            if (!element.is_item()) {
                elements_.reset();
                break;
            }
            if (!consume(static_cast<value_type>(*std::move(element)))) return flow::stopped;
            if (!cx.spend() || cx.leaving()) return detail::yield_loop(cx);
        }
        return weir::poll_each(upstream_, cx, consume);
    }

    void outline(stage_outline& out) const {
        if (elements_) out.holds(elements_->stored());
        out.upstream(upstream_);
    }

private:
    S upstream_;
    std::optional<detail::range_items<R>> elements_; // until all were taken
};

struct start_with_fn : detail::operator_fn<start_with_fn> {
    template <class T, class First, class... Rest>
    static consteval bool accepts() {
        constexpr bool ok = (std::convertible_to<First, T> && ... && std::convertible_to<Rest, T>) ||
                            (sizeof...(Rest) == 0 && elements_for<First, T>());
        static_assert(ok, "weir::start_with(values...), start_with(range): a value does not convert to the stream's "
                          "item type");
        return ok;
    }

    template <stream S, class First, class... Rest>
    static constexpr auto attach(S left, First front, Rest... rest) {
        if constexpr (sizeof...(Rest) == 0 && !std::convertible_to<First, item_t<S>>) {
            return start_with_range_stream<S, First>(std::move(left), std::move(front));
        } else {
            return start_with_stream<S, 1 + sizeof...(Rest)>(std::move(left), std::move(front), std::move(rest)...);
        }
    }

    template <class... Values>
        requires(sizeof...(Values) != 0)
    constexpr auto operator()(Values... values) const {
        return with(std::move(values)...);
    }

private:
    /// Whether R is a range whose elements become items of type T.
    template <class R, class T>
    static consteval bool elements_for() {
        if constexpr (detail::readable_range<R>) {
            return std::convertible_to<std::ranges::range_value_t<R>, T>;
        } else {
            return false;
        }
    }
};

/// start_with(values...): the values first, then the items. Upstream is not asked before the values were taken.
/// start_with(range): the same with the elements of a container or a view, which the operator keeps. They are read one
/// by one, as they are asked for.
///
///     in                ----a--b--|
///     start_with(x, y)  [xy]--a--b--|
///
///     updates() | weir::start_with(snapshot())     // a std::vector of what has happened before
///
/// A range that converts to an item is one value.
///
/// Ends: with upstream. Errors: upstream's, and those of the range's iterators.
/// Cost: no allocation; the values are held until they are taken.
/// See: concat, just.
inline constexpr start_with_fn start_with{};

} // namespace weir

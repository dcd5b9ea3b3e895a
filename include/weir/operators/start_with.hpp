// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/detail/operator_fn.hpp>
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

private:
    S upstream_;
    std::array<value_type, N> values_;
    std::size_t next_ = 0;
};

struct start_with_fn : detail::operator_fn<start_with_fn> {
    template <class S, class... Values>
    using pipeline = start_with_stream<S, sizeof...(Values)>;

    template <class T, class First, class... Rest>
    static consteval bool accepts() {
        constexpr bool ok = (std::convertible_to<First, T> && ... && std::convertible_to<Rest, T>);
        static_assert(ok, "weir::start_with(values...): a value does not convert to the stream's item type");
        return ok;
    }

    template <class... Values>
        requires(sizeof...(Values) != 0)
    constexpr auto operator()(Values... values) const {
        return with(std::move(values)...);
    }
};

/// start_with(values...): the values first, then the items. Upstream is not asked before the values were taken.
///
///     in                ----a--b--|
///     start_with(x, y)  [xy]--a--b--|
///
/// Ends: with upstream. Errors: upstream's.
/// Cost: no allocation; the values are held until they are taken.
/// See: concat, just.
inline constexpr start_with_fn start_with{};

} // namespace weir

#pragma once

#include <concepts>
#include <cstddef>
#include <optional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The first items of an upstream.
template <stream S>
class take_stream {
public:
    using value_type = item_t<S>;

    take_stream(S upstream, std::size_t n) : upstream_{std::in_place, std::move(upstream)}, left_{n} {}

    poll<value_type> poll_next(context& cx) {
        if (left_ == 0) {
            upstream_.reset();
            return done;
        }
        auto item = upstream_->poll_next(cx);
        if (item.is_item()) --left_;
        return item;
    }

private:
    std::optional<S> upstream_;
    std::size_t left_;
};

struct take_fn : operator_needs_its_arguments_in_parentheses {
    template <std::integral N>
    constexpr auto operator()(N n) const {
        const std::size_t left = detail::number_of_items(n, "weir::take(n): n is negative");
        return closure{[left]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::take(n): what is left of | is not a stream");
            } else {
                return take_stream<S>{std::move(upstream), left};
            }
        }};
    }
};

/// take(n): the first n items, then the end; upstream is not asked for more, and is dropped.
///
///     in       --1--2--3--4--|
///     take(2)  --1--2|
///
/// Ends early and fails with its upstream. take(0) ends at once and never asks.
///
/// @throws std::invalid_argument when n is negative
inline constexpr take_fn take{};

} // namespace weir

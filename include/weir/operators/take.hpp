#pragma once

#include <cstddef>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The first items of an upstream.
template <stream S>
class take_stream {
public:
    using value_type = item_t<S>;

    take_stream(S upstream, std::size_t n) : upstream_{std::move(upstream)}, left_{n} {}

    poll<value_type> poll_next(context& cx) {
        if (left_ == 0) return done;
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) --left_;
        return item;
    }

private:
    S upstream_;
    std::size_t left_;
};

struct take_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()(std::size_t n) const {
        return closure{[n]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::take(n): what is left of | is not a stream");
            } else {
                return take_stream<S>{std::move(upstream), n};
            }
        }};
    }
};

/// take(n): the first n items, then the end; upstream is not asked for more.
///
///     in       --1--2--3--4--|
///     take(2)  --1--2|
///
/// Ends early and fails with its upstream. take(0) ends at once and never asks.
inline constexpr take_fn take{};

} // namespace weir

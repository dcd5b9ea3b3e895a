#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/arguments.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream but for the first.
template <stream S>
class skip_stream {
public:
    using value_type = item_t<S>;

    skip_stream(S upstream, std::size_t n) : upstream_{std::move(upstream)}, left_{n} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item() || left_ == 0) return item;
            --left_;
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    std::size_t left_;
};

struct skip_fn : operator_needs_its_arguments_in_parentheses {
    template <std::integral N>
    constexpr auto operator()(N n) const {
        const std::size_t left = detail::number_of_items(n, "weir::skip(n): n is negative");
        return closure{[left]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::skip(n): what is left of | is not a stream");
            } else {
                return skip_stream<S>{std::move(upstream), left};
            }
        }};
    }
};

/// skip(n): all items but the first n.
///
///     in       --1--2--3--4--|
///     skip(2)  --------3--4--|
///
/// Ends and fails with its upstream.
///
/// @throws std::invalid_argument when n is negative
inline constexpr skip_fn skip{};

} // namespace weir

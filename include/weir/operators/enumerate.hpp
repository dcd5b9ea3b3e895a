#pragma once

#include <cstddef>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream, numbered from zero.
template <stream S>
class enumerate_stream {
public:
    using value_type = std::pair<std::size_t, item_t<S>>;

    explicit enumerate_stream(S upstream) : upstream_{std::move(upstream)} {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (!item.is_item()) return item.template no_item<value_type>();
        return poll<value_type>{value_type{next_++, *std::move(item)}};
    }

private:
    S upstream_;
    std::size_t next_ = 0;
};

struct enumerate_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::enumerate(): what is left of | is not a stream");
            } else {
                return enumerate_stream<S>{std::move(upstream)};
            }
        }};
    }
};

/// enumerate(): each item with its number, as a pair.
///
///     in           --a-----b-----c--|
///     enumerate()  --(0a)--(1b)--(2c)--|
///
/// Ends and fails with its upstream.
inline constexpr enumerate_fn enumerate{};

} // namespace weir

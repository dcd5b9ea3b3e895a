#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// Values, and then the items of an upstream.
template <stream S, std::size_t N>
class start_with_stream {
public:
    using value_type = item_t<S>;

    start_with_stream(S upstream, std::array<value_type, N> values)
        : upstream_{std::move(upstream)}, values_{std::move(values)} {}

    poll<value_type> poll_next(context& cx) {
        if (next_ != N) return poll<value_type>{std::move(values_[next_++])};
        return upstream_.poll_next(cx);
    }

private:
    S upstream_;
    std::array<value_type, N> values_;
    std::size_t next_ = 0;
};

struct start_with_fn : operator_needs_its_arguments_in_parentheses {
    template <class... Values>
        requires(sizeof...(Values) != 0)
    constexpr auto operator()(Values... values) const {
        return closure{[... values = std::move(values)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>,
                              "weir::start_with(values...): what is left of | is not a stream");
            } else if constexpr (!(std::convertible_to<Values, item_t<S>> && ...)) {
                static_assert(detail::always_false<S>,
                              "weir::start_with(values...): a value does not convert to the stream's item type");
            } else {
                return start_with_stream<S, sizeof...(Values)>{std::move(upstream),
                                                               {static_cast<item_t<S>>(std::move(values))...}};
            }
        }};
    }
};

/// start_with(values...): the values first, then the items. Upstream is not asked before the values have gone.
///
///     in                ----a--b--|
///     start_with(x, y)  [xy]--a--b--|
///
/// Ends and fails with its upstream.
inline constexpr start_with_fn start_with{};

} // namespace weir

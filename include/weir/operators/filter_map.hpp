#pragma once

#include <functional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/optional.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// What a function makes of those items of an upstream of which it makes something.
template <stream S, class F>
class filter_map_stream {
public:
    using value_type = detail::optional_item_t<F&, item_t<S>>;

    filter_map_stream(S upstream, F f) : upstream_{std::move(upstream)}, f_{std::move(f)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item()) return item.template no_item<value_type>();
            if (auto&& made = std::invoke(f_, *std::move(item))) {
                return poll<value_type>{*std::forward<decltype(made)>(made)};
            }
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    [[no_unique_address]] F f_;
};

struct filter_map_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f) const {
        return closure{[f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::filter_map(f): what is left of | is not a stream");
            } else if constexpr (!detail::gives_optional<F&, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::filter_map(f): f cannot be called with an item, or does not give a std::optional");
            } else {
                return filter_map_stream<S, F>{std::move(upstream), std::move(f)};
            }
        }};
    }
};

/// filter_map(f): f gives a std::optional; its value takes the place of the item, and where there is none the item is
/// left out.
///
///     in                   --1--x--3--|
///     filter_map(to_int)   --1-----3--|
///
/// Ends and fails with its upstream. An exception from f ends the stream.
inline constexpr filter_map_fn filter_map{};

} // namespace weir

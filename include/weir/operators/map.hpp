#pragma once

#include <concepts>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// Items of an upstream, each passed through a function.
template <stream S, class F>
class map_stream {
public:
    using value_type = std::remove_cvref_t<std::invoke_result_t<F&, item_t<S>>>;

    map_stream(S upstream, F f) : upstream_{std::move(upstream)}, f_{std::move(f)} {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) [[likely]]
            return poll<value_type>{std::invoke(f_, *std::move(item))};
        return item.template no_item<value_type>();
    }

private:
    S upstream_;
    [[no_unique_address]] F f_;
};

struct map_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f) const {
        return closure{[f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::map(f): what is left of | is not a stream");
            } else if constexpr (!detail::gives_object<F&, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::map(f): f cannot be called with an item, or gives nothing");
            } else {
                return map_stream<S, F>{std::move(upstream), std::move(f)};
            }
        }};
    }
};

/// map(f): a -> f(a), one for one.
///
///     in        --1--2--3--|
///     map(x*2)  --2--4--6--|
///
/// Ends and fails with its upstream. An exception from f ends the stream.
inline constexpr map_fn map{};

} // namespace weir

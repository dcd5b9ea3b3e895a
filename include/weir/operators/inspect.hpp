#pragma once

#include <concepts>
#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream, each shown to a function on its way.
template <stream S, class F>
class inspect_stream {
public:
    using value_type = item_t<S>;

    inspect_stream(S upstream, F f) : upstream_{std::move(upstream)}, f_{std::move(f)} {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) std::invoke(f_, std::as_const(*item));
        return item;
    }

private:
    S upstream_;
    [[no_unique_address]] F f_;
};

struct inspect_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f) const {
        return closure{[f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::inspect(f): what is left of | is not a stream");
            } else if constexpr (!std::invocable<F&, const item_t<S>&>) {
                static_assert(detail::always_false<S>, "weir::inspect(f): f cannot be called with a const item");
            } else if constexpr (awaitable<std::remove_cvref_t<std::invoke_result_t<F&, const item_t<S>&>>>) {
                static_assert(detail::always_false<S>, "weir::inspect(f): f gives an operation, and nobody would await "
                                                       "it; map_async(n, f) and for_each(f) do");
            } else {
                return inspect_stream<S, F>{std::move(upstream), std::move(f)};
            }
        }};
    }
};

/// inspect(f): calls f with each item, which passes on unchanged.
///
///     in              --1--2--3--|
///     inspect(print)  --1--2--3--|
///
/// Ends and fails with its upstream. An exception from f ends the stream.
inline constexpr inspect_fn inspect{};

} // namespace weir

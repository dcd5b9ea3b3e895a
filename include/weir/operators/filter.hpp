#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream for which a predicate holds.
template <stream S, class Keep>
class filter_stream {
public:
    using value_type = item_t<S>;

    filter_stream(S upstream, Keep keep) : upstream_{std::move(upstream)}, keep_{std::move(keep)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item() || std::invoke(keep_, std::as_const(*item))) return item;
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    [[no_unique_address]] Keep keep_;
};

struct filter_fn : operator_needs_its_arguments_in_parentheses {
    template <class Keep>
    constexpr auto operator()(Keep keep) const {
        return closure{[keep = std::move(keep)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::filter(keep): what is left of | is not a stream");
            } else if constexpr (!std::predicate<Keep&, const item_t<S>&>) {
                static_assert(detail::always_false<S>,
                              "weir::filter(keep): keep cannot be called with an item, or does not give a bool");
            } else {
                return filter_stream<S, Keep>{std::move(upstream), std::move(keep)};
            }
        }};
    }
};

/// filter(keep): the items for which keep holds.
///
///     in           --1--2--3--4--|
///     filter(odd)  --1-----3-----|
///
/// Ends and fails with its upstream. An exception from keep ends the stream.
inline constexpr filter_fn filter{};

} // namespace weir

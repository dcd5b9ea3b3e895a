#pragma once

#include <concepts>
#include <functional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream from the first for which a predicate does not hold.
template <stream S, class Drop>
class skip_while_stream {
public:
    using value_type = item_t<S>;

    skip_while_stream(S upstream, Drop drop) : upstream_{std::move(upstream)}, drop_{std::move(drop)} {}

    poll<value_type> poll_next(context& cx) {
        for (;;) {
            auto item = upstream_.poll_next(cx);
            if (!item.is_item() || !skipping_) return item;
            if (!std::invoke(drop_, std::as_const(*item))) {
                skipping_ = false;
                return item;
            }
            if (!cx.spend()) return cx.yield();
        }
    }

private:
    S upstream_;
    [[no_unique_address]] Drop drop_;
    bool skipping_ = true;
};

struct skip_while_fn : operator_needs_its_arguments_in_parentheses {
    template <class Drop>
    constexpr auto operator()(Drop drop) const {
        return closure{[drop = std::move(drop)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::skip_while(drop): what is left of | is not a stream");
            } else if constexpr (!std::predicate<Drop&, const item_t<S>&>) {
                static_assert(detail::always_false<S>,
                              "weir::skip_while(drop): drop cannot be called with an item, or does not give a bool");
            } else {
                return skip_while_stream<S, Drop>{std::move(upstream), std::move(drop)};
            }
        }};
    }
};

/// skip_while(drop): all items from the first for which drop does not hold; drop is not called after that.
///
///     in               --1--2--3--1--|
///     skip_while(x<3)  --------3--1--|
///
/// Ends and fails with its upstream. An exception from drop ends the stream.
inline constexpr skip_while_fn skip_while{};

} // namespace weir

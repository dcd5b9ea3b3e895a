#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream up to the first for which a predicate does not hold.
template <stream S, class Keep>
class take_while_stream {
public:
    using value_type = item_t<S>;

    take_while_stream(S upstream, Keep keep) : upstream_{std::in_place, std::move(upstream)}, keep_{std::move(keep)} {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_->poll_next(cx);
        if (!item.is_item() || std::invoke(keep_, std::as_const(*item))) return item;
        upstream_.reset();
        return done;
    }

private:
    std::optional<S> upstream_;
    [[no_unique_address]] Keep keep_;
};

struct take_while_fn : operator_needs_its_arguments_in_parentheses {
    template <class Keep>
    constexpr auto operator()(Keep keep) const {
        return closure{[keep = std::move(keep)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::take_while(keep): what is left of | is not a stream");
            } else if constexpr (!std::predicate<Keep&, const item_t<S>&>) {
                static_assert(detail::always_false<S>,
                              "weir::take_while(keep): keep cannot be called with an item, or does not give a bool");
            } else {
                return take_while_stream<S, Keep>{std::move(upstream), std::move(keep)};
            }
        }};
    }
};

/// take_while(keep): the items before the first for which keep does not hold, then the end. That item is gone, and
/// upstream is dropped.
///
///     in                --1--2--3--1--|
///     take_while(x<3)   --1--2--|
///
/// Ends early and fails with its upstream. An exception from keep ends the stream.
inline constexpr take_while_fn take_while{};

} // namespace weir

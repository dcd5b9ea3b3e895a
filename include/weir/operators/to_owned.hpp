#pragma once

#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The items of an upstream, each as a copy that owns its memory.
template <stream S>
class to_owned_stream {
public:
    using value_type = detail::owned_t<item_t<S>>;

    explicit to_owned_stream(S upstream) : upstream_(std::move(upstream)) {}

    poll<value_type> poll_next(context& cx) {
        auto item = upstream_.poll_next(cx);
        if (item.is_item()) [[likely]]
            return poll<value_type>{owned<item_t<S>>::copy(*std::move(item))};
        return item.template no_item<value_type>();
    }

private:
    S upstream_;
};

struct to_owned_fn : operator_needs_its_arguments_in_parentheses {
    constexpr auto operator()() const {
        return closure{[]<class S>(S upstream) {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::to_owned(): what is left of | is not a stream");
            } else if constexpr (!detail::ownable<item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::to_owned(): weir::owned<T> does not say how an item is copied; specialise it");
            } else {
                return to_owned_stream<S>{std::move(upstream)};
            }
        }};
    }
};

/// to_owned(): each item as a copy that owns its memory, and may be kept or sent to another thread.
///
///     weir::lines("access.log") | weir::to_owned() | weir::publish_on(rt[1], 256) | weir::for_each(store)
///
/// `bytes` and std::string_view become std::string, std::span<const T> becomes std::vector<T>, also within a pair, a tuple,
/// an optional or a vector. Other items stay as they are. For a type of your own specialise `weir::owned`.
///
/// Ends and fails with its upstream, and with what the copy throws.
inline constexpr to_owned_fn to_owned{};

} // namespace weir

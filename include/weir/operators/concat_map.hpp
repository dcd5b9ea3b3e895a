#pragma once

#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/slot.hpp>
#include <weir/core/stream.hpp>

namespace weir {

/// The streams that a function makes of the items of an upstream, one after the other.
template <stream S, class F>
class concat_map_stream {
    using inner_t = std::invoke_result_t<F&, item_t<S>>;

public:
    using value_type = item_t<inner_t>;

    concat_map_stream(S upstream, F f) : f_{std::move(f)}, upstream_{std::move(upstream)} {}

    poll<value_type> poll_next(context& cx) {
        try {
            for (;;) {
                if (inner_) [[likely]] {
                    auto item = inner_->poll_next(cx);
                    if (!item.is_done()) [[likely]]
                        return item;
                    inner_.reset();
                    item_.reset();
                    if (!cx.spend()) return cx.yield();
                }
                auto outer = upstream_->poll_next(cx);
                if (!outer.is_item()) return outer.template no_item<value_type>();
                item_.emplace(*std::move(outer));
                inner_.fill([&] { return std::invoke(f_, *std::move(item_)); });
            }
        } catch (...) {
            drop();
            throw;
        }
    }

private:
    [[gnu::cold, gnu::noinline]] void drop() noexcept {
        inner_.reset();
        upstream_.reset();
    }

    [[no_unique_address]] F f_;
    std::optional<S> upstream_;
    std::optional<item_t<S>> item_; // as long as the inner stream, which may refer to it
    detail::slot<inner_t> inner_;
};

struct concat_map_fn : operator_needs_its_arguments_in_parentheses {
    template <class F>
    constexpr auto operator()(F f) const {
        return closure{[f = std::move(f)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::concat_map(f): what is left of | is not a stream");
            } else if constexpr (!detail::gives_stream<F&, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::concat_map(f): f cannot be called with an item, or does not give a stream");
            } else {
                return concat_map_stream<S, F>{std::move(upstream), std::move(f)};
            }
        }};
    }
};

/// concat_map(f): the items of the streams f(a), f(b), ..., one stream after the other.
///
///     in             --a--b-----|
///     concat_map(f)  --1-2-31-2-3|     where f makes 1-2-3|
///
/// Upstream is asked for its next item when the inner stream has ended, not before.
///
/// Ends with its upstream, after the last inner stream. Fails with an inner stream and with f at once, with its upstream
/// when that is next asked.
inline constexpr concat_map_fn concat_map{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/zipped.hpp>

namespace weir {

/// The first items of several streams as a tuple of optionals, then the second ones, and so on, until all have ended.
template <stream... S>
class [[nodiscard("add a sink and co_await it")]] zip_longest_stream
    : public detail::zipped<zip_longest_stream<S...>, detail::drop_silently, S...> {
    using base = detail::zipped<zip_longest_stream<S...>, detail::drop_silently, S...>;
    friend base;

public:
    using value_type = std::tuple<std::optional<item_t<S>>...>;

    explicit zip_longest_stream(S... sources) : base({}, std::move(sources)...) {}

private:
    /// Polls every stream that has not ended and has no item, also behind a pending stream.
    template <class... Side>
    poll<value_type> ask(context& cx, Side&... each) {
        bool complete = true;
        const auto ask_one = [&](auto& one) {
            if (one.held || !one.source) return true;
            auto item = one.source->poll_next(cx);
            if (cx.stopping()) return false;
            if (item.is_item()) [[likely]] {
                one.held.emplace(*std::move(item));
            } else if (item.is_done()) {
                one.source.reset();
                return !cx.stopping();
            } else {
                complete = false;
            }
            return true;
        };
        if (!(ask_one(each) && ...) || !complete) return pending;
        if (!(each.held.has_value() || ...)) return done;
        poll<value_type> items(value_type(std::move(each.held)...));
        (each.held.reset(), ...);
        return items;
    }
};

struct zip_longest_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& head, Rest&&... rest) const {
        if constexpr (!(stream<std::remove_cvref_t<First>> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>, "weir::zip_longest(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<First>, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>,
                          "weir::zip_longest(streams...): a stream is used once and cannot be copied: write "
                          "zip_longest(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            return zip_longest_stream<std::remove_cvref_t<First>, std::remove_cvref_t<Rest>...>{
                std::forward<First>(head), std::forward<Rest>(rest)...};
        }
    }
};

/// zip_longest(streams...): the first items of all as a tuple of `std::optional`, then the second ones, and so on. A
/// stream that has ended contributes std::nullopt.
///
///     a                  --1--2-----3--|
///     b                  ---a----b--|
///     zip_longest(a, b)  ---A----B--C--|     (1, a), (2, b), (3, nullopt)
///
/// All streams are polled at the same time. An early item is kept until all others have an item or have ended. A
/// stream is destroyed when it has ended.
///
/// Ends: when all streams have ended, as Python's `itertools.zip_longest`.
/// Errors: the first one, when the other streams have been destroyed.
/// Dropped: items of an incomplete tuple are lost with an error.
/// Cost: no allocation; one item of each held.
/// See: zip, combine_latest.
inline constexpr zip_longest_fn zip_longest{};

} // namespace weir

// SPDX-License-Identifier: MIT
#pragma once

#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/stream.hpp>
#include <weir/operators/detail/zipped.hpp>

namespace weir {

/// The first items of several streams as a tuple, then the second ones, and so on.
template <stream... S>
class [[nodiscard("add a sink and co_await it")]] zip_stream : public detail::zipped<zip_stream<S...>, S...> {
    using base = detail::zipped<zip_stream<S...>, S...>;
    friend base;

public:
    using value_type = std::tuple<item_t<S>...>;

    explicit zip_stream(S... sources) : base(std::move(sources)...) {}

private:
    /// Polls every stream without an item, also behind a pending stream, but no stream behind one that has ended.
    template <class... Side>
    poll<value_type> ask(context& cx, Side&... each) {
        bool complete = true;
        bool ended = false;
        const auto ask_one = [&](auto& one) {
            if (one.held) return true;
            auto item = one.source->poll_next(cx);
            if (cx.stopping()) return false;
            if (item.is_item()) [[likely]] {
                one.held.emplace(*std::move(item));
                return true;
            }
            complete = false;
            ended = item.is_done();
            return !ended;
        };
        const bool all_asked = (ask_one(each) && ...);
        if (all_asked && complete) [[likely]] {
            poll<value_type> items(value_type(*std::move(each.held)...));
            (each.held.reset(), ...);
            return items;
        }
        if (!ended) return pending;
        this->drop();
        return done;
    }
};

struct zip_fn : operator_needs_its_arguments_in_parentheses {
    template <class First, class... Rest>
    constexpr auto operator()(First&& front, Rest&&... rest) const {
        if constexpr (!(stream<std::remove_cvref_t<First>> && ... && stream<std::remove_cvref_t<Rest>>)) {
            static_assert(detail::always_false<First>, "weir::zip(streams...): an argument is not a stream");
            return detail::invalid_pipeline{};
        } else if constexpr (!(std::is_constructible_v<std::remove_cvref_t<First>, First> && ... &&
                               std::is_constructible_v<std::remove_cvref_t<Rest>, Rest>)) {
            static_assert(detail::always_false<First>, "weir::zip(streams...): a stream is used once and cannot be "
                                                       "copied: write zip(std::move(stream), ...)");
            return detail::invalid_pipeline{};
        } else {
            return zip_stream<std::remove_cvref_t<First>, std::remove_cvref_t<Rest>...>{std::forward<First>(front),
                                                                                        std::forward<Rest>(rest)...};
        }
    }
};

/// zip(streams...): the first items of all as a tuple, then the second ones, and so on.
///
///     a          --1--2-----3--|
///     b          ---a----b--|
///     zip(a, b)  ---A----B--|     (1, a), (2, b)
///
/// All streams are polled at the same time. An early item is kept until its tuple is complete.
///
/// Ends: with the first stream that ends. Streams after it are not asked for an item that can have no partner.
/// Errors: the first one. The other streams are destroyed before the end or the error.
/// Dropped: items without a partner are lost.
/// Cost: no allocation; one item of each held.
/// See: zip_longest, combine_latest, merge, enumerate.
inline constexpr zip_fn zip{};

} // namespace weir

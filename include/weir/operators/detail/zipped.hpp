// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/resettable.hpp>
#include <weir/core/drop_reason.hpp>
#include <weir/core/stream.hpp>

namespace weir::detail {

/// One of the streams that are read side by side, and its item that waits for those of the others.
template <stream S>
struct zipped_side {
    explicit zipped_side(S s) : source(std::move(s)) {}

    resettable<S> source;
    std::optional<item_t<S>> held{};
};

/// The streams that are read side by side. The type lets a drawing of a pipeline tell the streams from on_drop.
template <stream... S>
struct zipped_sides {
    explicit zipped_sides(S... sources) : all(zipped_side<S>(std::move(sources))...) {}

    std::tuple<zipped_side<S>...> all;
};

/// Drops an item that has found no partner, unless what runs has been dropped.
template <class OnDrop, class T>
void drop_unmatched(OnDrop& on_drop, std::optional<T>& held, context& cx) noexcept {
    if (held && !cx.stopping()) drop_item(on_drop, *std::move(held), drop_reason::unmatched);
    held.reset();
}

/// Base of operators that make one item of an item of each of several streams. Items without a partner are passed to
/// on_drop when the streams have been destroyed.
///
///     poll<value_type> ask(context& cx, Side&... each);
template <class Operator, class OnDrop, stream... S>
class zipped {
public:
    auto poll_next(context& cx) {
        try {
            return std::apply([&](auto&... each) { return static_cast<Operator&>(*this).ask(cx, each...); },
                              sides_.all);
        } catch (...) {
            drop(cx);
            throw;
        }
    }

    void outline(stage_outline& out) const {
        out.holds(sizeof...(S));
        std::apply([&](const auto&... each) { (out.upstream(each.source), ...); }, sides_.all);
    }

protected:
    explicit zipped(OnDrop on_drop, S... sources) : sides_(std::move(sources)...), on_drop_(std::move(on_drop)) {}

    [[gnu::cold, gnu::noinline]] void drop(context& cx) noexcept {
        std::apply([](auto&... each) { (each.source.reset(), ...); }, sides_.all);
        std::apply([&](auto&... each) { (drop_unmatched(on_drop_, each.held, cx), ...); }, sides_.all);
    }

private:
    zipped_sides<S...> sides_;
    [[no_unique_address]] OnDrop on_drop_;
};

/// Calls make(on_drop, streams...) with the arguments of an operator over streams. on_drop is the last argument if that
/// is not a stream, and otherwise does nothing.
template <class Make, class... Args>
constexpr auto with_on_drop(const Make& make, Args&&... args) {
    constexpr std::size_t behind = sizeof...(Args) - 1;
    using last_t = std::remove_cvref_t<std::tuple_element_t<behind, std::tuple<Args...>>>;
    if constexpr (behind == 0 || stream<last_t>) {
        return make(drop_silently{}, std::forward<Args>(args)...);
    } else {
        auto all = std::forward_as_tuple(std::forward<Args>(args)...);
        return [&]<std::size_t... I>(std::index_sequence<I...>) {
            return make(last_t(std::get<behind>(std::move(all))), std::get<I>(std::move(all))...);
        }(std::make_index_sequence<behind>{});
    }
}

} // namespace weir::detail

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <cstdint>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/manual_lifetime.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/sink/detail/sink.hpp>

namespace weir {

namespace detail {

/// A type whose `send(item)` returns an operation that tells whether the item was accepted.
template <class Sender, class T>
concept sends = requires(Sender& to, T item) {
    { to.send(std::move(item)) } -> operation;
    requires std::same_as<typename decltype(to.send(std::move(item)))::result_type, bool>;
};

/// A sender that reports through `closing()` that it accepts no more items.
template <class Sender>
concept tells_of_closing = requires(Sender& to) {
    { to.closing() } -> operation;
};

template <class Sender>
struct closing_of {
    using type = unit;
};
template <tells_of_closing Sender>
struct closing_of<Sender> {
    using type = decltype(std::declval<Sender&>().closing());
};

template <stream S, class Sender>
class send_items {
    using transfer = decltype(std::declval<Sender&>().send(std::declval<item_t<S>>()));

public:
    using result_type = std::uint64_t;

    send_items(S upstream, Sender to) : to_(std::move(to)), upstream_(std::move(upstream)) {}

    poll<std::uint64_t> poll_result(context& outer) {
        nested_context cx{outer};
        for (;;) {
            if (sending_) {
                const auto taken = sending_->poll_result(cx);
                if (taken.is_pending()) return pending;
                sending_.reset();
                if (!*taken) return sent_;
                ++sent_;
                if (!cx.spend()) return cx.yield();
            }
            for (;;) {
                auto item = upstream_.poll_next(cx);
                if (item.is_pending() && (cx.stopping() || !closing(cx))) return pending;
                if (!item.is_item()) return sent_;
                if (!at_once(*item)) {
                    sending_.construct_with([&] { return to_.send(*std::move(item)); });
                    break;
                }
                ++sent_;
                if (!cx.spend()) return cx.yield();
            }
        }
    }

    void outline(stage_outline& out) const {
        out.holds(1);
        out.upstream(upstream_);
    }

private:
    /// Sends without an operation when there is room.
    bool at_once([[maybe_unused]] item_t<S>& item) {
        if constexpr (requires {
                          { to_.try_send(std::move(item)) } -> std::same_as<bool>;
                      }) {
            return to_.try_send(std::move(item));
        } else {
            return false;
        }
    }

    bool closing([[maybe_unused]] context& cx) {
        if constexpr (tells_of_closing<Sender>) {
            if (!closing_) closing_.construct_with([&] { return to_.closing(); });
            return closing_->poll_result(cx).is_item();
        } else {
            return false;
        }
    }

    Sender to_; // must outlive upstream, which may refer to the channel
    S upstream_;
    manual_lifetime<transfer> sending_;
    manual_lifetime<typename closing_of<Sender>::type> closing_;
    std::uint64_t sent_ = 0;
};

} // namespace detail

struct send_fn : detail::operator_fn<send_fn> {
    template <class S, class Sender>
    using pipeline = detail::sink<detail::send_items<S, Sender>>;

    template <class T, class Sender>
    static consteval bool accepts() {
        constexpr bool ok = detail::sends<Sender, T>;
        static_assert(ok, "weir::send(sender): sender.send(item) cannot be called with an item, or does not return an "
                          "operation whose result is a bool");
        return ok;
    }
};

/// send(sender): sends every item into a channel, one after the other. The result is the number of accepted items
/// (std::uint64_t).
///
///     auto [tx, rx] = weir::channel<record>(64);
///     auto reading = ex.spawn(weir::lines(path) | weir::map(parse) | weir::send(std::move(tx)));
///
/// A sender has `send(item)`, which returns an operation whose result is a bool: weir::sender, broadcast, or one's own.
/// If it also has `bool try_send(item)`, which moves from the item only when it accepts the item, that is called first.
/// The next item is polled for when the previous one was accepted.
///
/// Ends: with upstream, or as soon as the channel is closed. The sender is destroyed with the end or an error; the last
/// sender closes the channel.
/// Errors: upstream's, and exceptions of the item's move. For the channel they are an ordinary end.
/// Dropped: an item that was not accepted is passed to the channel's on_drop, as it is when the channel is closed.
/// See: channel, broadcast, for_each.
inline constexpr send_fn send{};

} // namespace weir

#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <utility>

#include <weir/core/closure.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/liveness.hpp>
#include <weir/core/detail/slot.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/stream.hpp>

namespace weir {

namespace detail {

/// Where items are sent to: `send(item)` answers whether it was taken.
template <class Sender, class T>
concept sends = requires(Sender& to, T item) {
    { to.send(std::move(item)) } -> awaitable;
    requires std::same_as<typename decltype(to.send(std::move(item)))::result_type, bool>;
};

/// Senders that tell when they will take nothing more, before they are asked.
template <class Sender>
concept tells_of_closing = requires(Sender& to) {
    { to.closing() } -> awaitable;
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
class send_sink {
    using operation = decltype(std::declval<Sender&>().send(std::declval<item_t<S>>()));

public:
    using result_type = std::uint64_t;

    send_sink(S upstream, Sender to) : upstream_{std::move(upstream)}, to_{std::move(to)} {}

    poll<std::uint64_t> poll_result(context& outer) {
        const liveness::watch self{liveness_};
        try {
            nested_context cx{outer};
            return send_all(cx, self);
        } catch (...) {
            if (!self.gone()) static_cast<void>(finish());
            throw;
        }
    }

private:
    poll<std::uint64_t> send_all(context& cx, const liveness::watch& self) {
        for (;;) {
            if (sending_) {
                const auto taken = sending_->poll_result(cx);
                if (taken.is_pending()) return pending;
                sending_.reset();
                if (!*taken) return finish();
                ++sent_;
                if (!cx.spend()) return cx.yield();
            }
            for (;;) {
                auto item = upstream_->poll_next(cx);
                if (item.is_pending() && (self.gone() || !closing(cx))) return pending;
                if (!item.is_item()) return finish();
                if (!at_once(*item)) {
                    sending_.fill([&] { return to_->send(*std::move(item)); });
                    break;
                }
                ++sent_;
                if (!cx.spend()) return cx.yield();
            }
        }
    }

    /// Where there is room, without an operation.
    bool at_once([[maybe_unused]] item_t<S>& item) {
        if constexpr (requires {
                          { to_->try_send(std::move(item)) } -> std::same_as<bool>;
                      }) {
            return to_->try_send(std::move(item));
        } else {
            return false;
        }
    }

    bool closing([[maybe_unused]] context& cx) {
        if constexpr (tells_of_closing<Sender>) {
            if (!closing_) closing_.fill([&] { return to_->closing(); });
            return closing_->poll_result(cx).is_item();
        } else {
            return false;
        }
    }

    /// Whoever keeps the sink must not keep the channel open.
    std::uint64_t finish() noexcept {
        sending_.reset();
        closing_.reset();
        upstream_.reset();
        to_.reset();
        return sent_;
    }

    std::optional<S> upstream_;
    std::optional<Sender> to_;
    slot<operation> sending_;
    slot<typename closing_of<Sender>::type> closing_;
    std::uint64_t sent_ = 0;
    liveness liveness_;
};

} // namespace detail

struct send_fn : operator_needs_its_arguments_in_parentheses {
    template <class Sender>
    constexpr auto operator()(Sender to) const {
        return closure{[to = std::move(to)]<class S>(S upstream) mutable {
            if constexpr (!stream<S>) {
                static_assert(detail::always_false<S>, "weir::send(sender): what is left of | is not a stream");
            } else if constexpr (!detail::sends<Sender, item_t<S>>) {
                static_assert(detail::always_false<S>,
                              "weir::send(sender): sender.send(item) cannot be called with an item, or does not give "
                              "an operation whose result is a bool");
            } else {
                return detail::send_sink<S, Sender>{std::move(upstream), std::move(to)};
            }
        }};
    }
};

/// send(sender): sends every item into a channel, one after the other. The result is how many were taken (std::uint64_t).
///
///     auto [tx, rx] = weir::channel<record>(64);
///     auto reading = ex.spawn(weir::lines(path) | weir::map(parse) | weir::send(std::move(tx)));
///
/// A sender has `send(item)`, which gives an operation whose result is a bool: weir::sender, broadcast, or one's own. Where
/// it also has `bool try_send(item)`, which moves from the item only if it takes it, that is asked first.
///
/// The next item is asked for when the last was taken. Ends with its upstream, and as soon as the channel is closed; then,
/// or when it is dropped, an item that was not taken goes to the channel's on_drop. The sender goes with the sink: where it
/// was the last, the channel is closed. Fails with its upstream, and when an item throws as it is moved; to the channel
/// that is the end, not an error.
inline constexpr send_fn send{};

} // namespace weir

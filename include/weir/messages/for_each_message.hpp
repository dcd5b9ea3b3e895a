// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <exception>
#include <functional>
#include <optional>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/messages/map_value_async.hpp>
#include <weir/messages/message.hpp>
#include <weir/operators/map_async_keyed.hpp>
#include <weir/sink/drain.hpp>

namespace weir::messages {

namespace detail {

/// Runs a function's operation for a message, and answers the message by how it ends.
template <class M, class F>
class answering_operation {
    using running = std::invoke_result_t<F&, M&>;

public:
    using result_type = unit;

    answering_operation(M& m, F& f) noexcept : message_{&m}, f_{&f} {}

    poll<unit> poll_result(context& cx) {
        try {
            if (!running_) {
                running_.emplace(std::invoke(*f_, *message_));
                if (cx.stopping()) return cx.yield();
            }
            if (running_->poll_result(cx).is_pending()) return pending;
            if (cx.stopping()) return cx.yield();
        } catch (...) {
            if (cx.stopping()) return cx.yield();
            running_.reset();
            message_->nack();
            return unit{};
        }
        running_.reset();
        message_->ack();
        return unit{};
    }

private:
    M* message_;
    F* f_;
    std::optional<running> running_;
};

template <class F>
class answering_function {
public:
    explicit answering_function(F f) : f_(std::move(f)) {}

    template <class T, class P>
        requires(weir::detail::returns_operation<F&, message<T, P>&>)
    answering_operation<message<T, P>, F> operator()(message<T, P>&& m) {
        return {m, f_};
    }

private:
    F f_;
};

} // namespace detail

struct for_each_message_fn : weir::detail::operator_fn<for_each_message_fn> {
    template <class M, class N, class F>
    static consteval bool accepts() {
        constexpr bool messages = detail::is_message<M>;
        static_assert(messages, "weir::messages::for_each_message(n, f): the items are no messages; write "
                                "for_each_concurrent(n, f)");
        if constexpr (messages) {
            constexpr bool ok = weir::detail::returns_operation<F&, M&>;
            static_assert(ok, "weir::messages::for_each_message(n, f): f cannot be called with a reference to a "
                              "message, or does not return a task or another operation");
            return ok;
        }
        return false;
    }
    template <stream S, class N, class F>
    static constexpr auto attach(S left, N n, F f) {
        return std::move(left) |
               map_async_keyed(n, detail::key_of_message{}, detail::answering_function<F>(std::move(f))) | drain();
    }
    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return with(weir::detail::at_least_one(n, "weir::messages::for_each_message(n, f): n must be at least 1"),
                    std::move(f));
    }
};

/// for_each_message(n, f): co_await f(m) for each message m, at most n at a time, and never two at a time with the same
/// key.
///
///     orders.messages() | weir::messages::for_each_message(64, [&](auto& m) { return store(m.value()); })
///
/// A message is acknowledged when its operation has ended, and rejected when f or the operation has failed: it is
/// delivered again, and at last becomes a dead letter. An answer that f has given itself counts. A sink.
///
/// Ends: with upstream, after the last operation.
/// Errors: upstream's.
/// Dropped: the operations in flight and their messages are destroyed.
/// Cost: as for map_async_keyed.
/// See: map_value_keyed, consumer_options.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr for_each_message_fn for_each_message{};

} // namespace weir::messages

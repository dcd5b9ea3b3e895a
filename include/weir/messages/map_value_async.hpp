// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <string>
#include <type_traits>
#include <utility>

#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/messages/message.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_keyed.hpp>

namespace weir::messages {

namespace detail {

/// Puts the result of an operation into the message of whose value it was made.
template <class M, class A>
class value_operation {
public:
    using result_type = with_value_t<M, typename A::result_type>;

    /// @param m  exists until the operation has ended
    value_operation(M& m, A running) : message_{&m}, running_(std::move(running)) {}

    poll<result_type> poll_result(context& cx) {
        auto result = running_.poll_result(cx);
        if (!result.is_item()) return pending;
        if (cx.stopping()) return cx.yield();
        return std::move(*message_).with_value(*std::move(result));
    }

private:
    M* message_;
    A running_;
};

/// A function that returns an operation for a value, as a function of messages.
template <class F>
class async_value_function {
public:
    explicit async_value_function(F f) : f_(std::move(f)) {}

    template <class T, class P>
        requires(weir::detail::returns_operation<F&, T>)
    auto operator()(message<T, P>&& m) {
        using running = std::invoke_result_t<F&, T>;
        return value_operation<message<T, P>, running>{m, std::invoke(f_, std::move(m).value())};
    }

private:
    [[no_unique_address]] F f_;
};

/// The key of a message. Messages without a key share the key "".
struct key_of_message {
    template <class T, class P>
    const std::string& operator()(const message<T, P>& m) const noexcept {
        return m.key();
    }
};

template <class M, class F>
consteval bool accepts_messages() {
    constexpr bool messages = is_message<M>;
    static_assert(messages, "weir::messages::map_value_async(n, f), map_value_keyed(n, f): the items are no messages; "
                            "write map_async(n, f)");
    if constexpr (messages) {
        constexpr bool ok = weir::detail::returns_operation<F&, typename M::body_type>;
        static_assert(ok, "weir::messages::map_value_async(n, f), map_value_keyed(n, f): f cannot be called with the "
                          "value of a message, or does not return a task or another operation");
        return ok;
    }
    return false;
}

} // namespace detail

struct map_value_async_fn : weir::detail::operator_fn<map_value_async_fn> {
    template <class M, class N, class F>
    static consteval bool accepts() {
        return detail::accepts_messages<M, F>();
    }
    template <stream S, class N, class F>
    static constexpr auto attach(S left, N n, F f) {
        return std::move(left) | map_async(n, detail::async_value_function<F>(std::move(f)));
    }
    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return with(weir::detail::at_least_one(n, "weir::messages::map_value_async(n, f): n must be at least 1"),
                    std::move(f));
    }
};

/// map_value_async(n, f): messages with the results of co_await f(value) as their values, at most n at a time, in
/// order.
///
/// The promise stays with the message. The rest is as for map_async.
///
/// Errors: as for map_async. Messages in hand are dropped then, as their policy says.
/// Dropped: the operations in flight and their messages are destroyed.
/// See: map_value, map_value_keyed, for_each_message.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr map_value_async_fn map_value_async{};

struct map_value_keyed_fn : weir::detail::operator_fn<map_value_keyed_fn> {
    template <class M, class N, class F>
    static consteval bool accepts() {
        return detail::accepts_messages<M, F>();
    }
    template <stream S, class N, class F>
    static constexpr auto attach(S left, N n, F f) {
        return std::move(left) |
               map_async_keyed(n, detail::key_of_message{}, detail::async_value_function<F>(std::move(f)));
    }
    template <std::integral N, class F>
    constexpr auto operator()(N n, F f) const {
        return with(weir::detail::at_least_one(n, "weir::messages::map_value_keyed(n, f): n must be at least 1"),
                    std::move(f));
    }
};

/// map_value_keyed(n, f): messages with the results of co_await f(value) as their values, at most n at a time, and
/// never two at a time with the same key.
///
/// Messages arrive as they are ready; those of one key are in order. The promise stays with the message. The rest is as
/// for map_async_keyed.
///
/// Errors: as for map_async_keyed. Messages in hand are dropped then, as their policy says.
/// Dropped: the operations in flight and their messages are destroyed.
/// See: map_value_async, for_each_message.
///
/// @throws std::invalid_argument when n is less than 1
inline constexpr map_value_keyed_fn map_value_keyed{};

} // namespace weir::messages

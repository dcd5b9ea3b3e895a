// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <type_traits>
#include <utility>

#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/operator_fn.hpp>
#include <weir/core/item_traits.hpp>
#include <weir/core/stream.hpp>
#include <weir/messages/message.hpp>
#include <weir/operators/map.hpp>

namespace weir::messages {

namespace detail {

/// A function of values, as a function of messages.
template <class F>
class value_function {
public:
    explicit value_function(F f) : f_(std::move(f)) {}

    template <class T, class P>
    auto operator()(message<T, P>&& m) {
        auto value = std::invoke(f_, std::move(m).value());
        return std::move(m).with_value(std::move(value));
    }

private:
    [[no_unique_address]] F f_;
};

} // namespace detail

struct map_value_fn : weir::detail::operator_fn<map_value_fn> {
    template <class S, class F>
    using pipeline = map_stream<S, detail::value_function<F>>;

    template <class M, class F>
    static consteval bool accepts() {
        constexpr bool messages = detail::is_message<M>;
        static_assert(messages, "weir::messages::map_value(f): the items are no messages; write map(f)");
        if constexpr (messages) {
            constexpr bool ok = weir::detail::gives_object<F&, typename M::body_type>;
            static_assert(ok, "weir::messages::map_value(f): f cannot be called with the value of a message, or "
                              "returns nothing");
            return ok;
        }
        return false;
    }

    template <stream S, class F>
    static constexpr auto attach(S left, F f) {
        return pipeline<S, F>(std::move(left), detail::value_function<F>(std::move(f)));
    }
};

/// map_value(f): messages with f(value) as their values. The promise stays with the message.
///
///     orders.messages() | weir::messages::map_value(parse_order)     // message<std::string> -> message<order>
///
/// Errors: upstream's, and what f throws. The message in hand is dropped then, as its policy says.
/// Cost: no allocation; nothing held.
/// See: map_value_async, message.
inline constexpr map_value_fn map_value{};

} // namespace weir::messages

// SPDX-License-Identifier: MIT
#pragma once

#include <concepts>
#include <functional>
#include <optional>
#include <source_location>
#include <stdexcept>
#include <type_traits>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/core/context.hpp>
#include <weir/core/detail/callable.hpp>
#include <weir/core/detail/invalid_pipeline.hpp>
#include <weir/core/operation.hpp>
#include <weir/core/poll.hpp>
#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/scope/async_finally.hpp>

namespace weir {

namespace detail {

/// The next item of a stream, as an operation.
template <stream S>
class one_item_of {
public:
    using result_type = std::optional<item_t<S>>;

    explicit one_item_of(S& source) noexcept : source_{source} {}

    poll<result_type> poll_result(context& cx) {
        auto item = source_.poll_next(cx);
        if (item.is_pending()) return pending;
        result_type result;
        if (item.is_item()) result.emplace(*std::move(item));
        return poll<result_type>(std::move(result));
    }

private:
    S& source_;
};

/// An operation that is ready. A coroutine that was dropped by what it called stops where it awaits one.
struct unless_dropped {
    using result_type = unit;

    poll<unit> poll_result(context&) const noexcept { return unit{}; }
};

/// The resource that a function opens, which returns it or an operation with it as the result.
template <class Open>
struct opened_by {
    using type = std::remove_cvref_t<std::invoke_result_t<Open&>>;
};
template <class Open>
    requires operation<std::invoke_result_t<Open&>>
struct opened_by<Open> {
    using type = typename std::invoke_result_t<Open&>::result_type;
};
template <class Open>
using opened_t = typename opened_by<Open>::type;

template <class Open, class Use, class Close, class Resource = opened_t<Open>>
async_stream<item_t<std::invoke_result_t<Use&, Resource&>>> resource_stream(duration within, std::source_location place,
                                                                            Open open, Use use, Close close) {
    auto opening = std::invoke(open);
    std::optional<Resource> opened;
    if constexpr (operation<decltype(opening)>) {
        opened.emplace(co_await std::move(opening));
    } else {
        opened.emplace(std::move(opening));
    }
    async_finally<Close, Resource> resource{within, *std::move(opened), std::move(close), place};
    opened.reset();
    co_await unless_dropped{};
    auto items = std::invoke(use, *resource);
    for (;;) {
        one_item_of asked(items);
        auto item = co_await std::move(asked);
        if (!item) break;
        co_yield *std::move(item);
    }
}

} // namespace detail

struct with_resource_fn {
    template <class Open, class Use, class Close>
    auto operator()(duration within, Open open, Use use, Close close,
                    std::source_location place = std::source_location::current()) const {
        if (within < duration::zero()) {
            throw std::invalid_argument{"weir::with_resource(within, open, use, close): within is negative"};
        }
        if constexpr (!detail::gives_object<Open&>) {
            static_assert(detail::always_false<Open>, "weir::with_resource(within, open, use, close): open cannot be "
                                                      "called without arguments, or returns nothing");
            return detail::invalid_pipeline{};
        } else {
            using resource = detail::opened_t<Open>;
            constexpr bool used = detail::gives_stream<Use&, resource&>;
            static_assert(used, "weir::with_resource(within, open, use, close): use cannot be called with a reference "
                                "to what open returns, or does not return a stream");
            constexpr bool closed = detail::returns_operation<Close&, resource&>;
            static_assert(closed, "weir::with_resource(within, open, use, close): close cannot be called with a "
                                  "reference to what open returns, or does not return a task or another operation");
            if constexpr (used && closed) {
                return detail::resource_stream(within, place, std::move(open), std::move(use), std::move(close));
            } else {
                return detail::invalid_pipeline{};
            }
        }
    }
};

/// with_resource(within, open, use, close): the stream that use(resource) returns, over the resource that open returns.
/// close(resource) is awaited afterwards, however the stream ends: by its end, by an error, or because it is dropped.
///
///     open          ---r
///     use(r)           --a--b|
///     the stream    -----a--b|
///     close(r)               ---
///
///     auto rows = weir::with_resource(
///         1s, [&] { return pool.connect(); },
///         [](connection& c) { return c.query("select ..."); },
///         [](connection& c) { return c.say_goodbye(); });
///
/// open is called at the first poll. It returns the resource, or an operation whose result is the resource. The
/// resource exists as long as use's stream and close's operation, and use's stream is destroyed before close is called.
///
/// close's operation runs after the stream: the consumer does not wait for it, but the task group around it does, or
/// `run`, as for async_finally. It is dropped when it takes longer than `within`.
///
/// Ends: with use's stream.
/// Errors: those of open, use and use's stream. When open fails, nothing is closed. An error of close goes to the
/// executor's error handler.
/// Dropped: use's stream is destroyed at once, and close is called in the next turn. A stream that was never polled
/// opens and closes nothing.
/// Cost: a coroutine, and one allocation for the cleanup.
/// See: async_finally, finally, defer.
///
/// @param within  the time limit of close's operation, >= 0
/// @throws std::invalid_argument when within is negative
inline constexpr with_resource_fn with_resource{};

} // namespace weir

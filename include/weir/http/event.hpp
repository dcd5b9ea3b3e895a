// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <concepts>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <weir/core/stream.hpp>
#include <weir/core/time.hpp>
#include <weir/http/request.hpp>
#include <weir/operators/keep_alive.hpp>
#include <weir/operators/map.hpp>

namespace weir::http {

/// A server-sent event, which `event_source` and a browser's EventSource receive.
struct event {
    std::string data = {}; ///< may have several lines
    std::string type = {}; ///< empty: `message`
    /// Comes back as the header Last-Event-ID after a reconnect. An event that arrives without one has that of the
    /// event before.
    std::optional<std::string> id = std::nullopt;
    std::optional<duration> retry_after = std::nullopt; ///< how long the client waits before it reconnects

    friend bool operator==(const event&, const event&) = default;
};

/// Limits of events that arrive. What exceeds one is refused with a message_too_large.
struct event_limits {
    std::size_t line = 64 * 1024;    ///< the bytes of a line, comments included
    std::size_t event = 1024 * 1024; ///< the bytes of an event's data and type

    friend bool operator==(const event_limits&, const event_limits&) = default;
};

/// The event as it is sent. Any kind of line end in the data becomes LF.
/// @throws std::invalid_argument for a type or an id with a line end, an id with a NUL, and a negative retry_after
std::string to_text(const event& e);

/// The response that sends a stream of events as they arrive, until it ends or the client goes.
///
///     weir::http::response news(weir::http::request& r) {
///         return weir::http::events(topic.subscribe() | weir::map(to_event));
///     }
///
/// A comment is sent whenever there was no event for `silence`, so that proxies keep the connection, and so that the
/// server learns when the client has gone.
///
/// @throws std::invalid_argument when silence is not positive
template <stream S>
    requires std::same_as<item_t<S>, event>
response events(S source, duration silence = std::chrono::seconds{15}) {
    auto parts = std::move(source) | weir::map([](event&& e) { return to_text(e); }) |
                 weir::keep_alive(silence, [] { return std::string{":\n\n"}; });
    response r{200, http::body{std::move(parts)}};
    r.headers.add("Content-Type", "text/event-stream").add("Cache-Control", "no-store");
    return r;
}

} // namespace weir::http

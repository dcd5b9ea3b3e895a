// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include <weir/async_stream.hpp>
#include <weir/core/time.hpp>
#include <weir/http/client.hpp>
#include <weir/http/client_message.hpp>
#include <weir/http/event.hpp>
#include <weir/http/message.hpp>
#include <weir/http/url.hpp>
#include <weir/resilience/retry_policy.hpp>

namespace weir::http {

struct event_source_options {
    std::string last_event_id = {}; ///< of the last event that an earlier run has received
    /// The waits before reconnects, which grow while no event arrives, and the failures in a row that are allowed.
    retry_policy reconnect = {.attempts = retry_policy::unlimited, .delay = std::chrono::seconds{3}};
    /// A connection over which nothing has arrived for so long, not even a comment, is given up. Servers send comments
    /// every 15 seconds or so.
    duration silence = std::chrono::seconds{45};
    event_limits limits = {};
    http::headers headers = {}; ///< of the requests, such as Authorization
    /// Called with each failure that is followed by a reconnect.
    std::function<void(std::exception_ptr)> on_error = nullptr;
};

/// event_source(client, url, options): the events that a server sends, as a stream, as a browser's EventSource receives
/// them.
///
///     auto news = weir::http::event_source(client, "http://example.org/news");
///     co_await (std::move(news) | weir::for_each([](const weir::http::event& e) { print(e.type, e.data); }));
///
/// The first poll connects. A connection that ends, fails or is silent is made again, with the header Last-Event-ID, so
/// that the server can continue behind the last event. The wait before that is at least the time that the server has
/// asked for with `retry`, up to reconnect.max_delay. An event that was cut off is dropped.
///
/// A connection is read when the stream is polled: while the consumer is slow, the server has to wait. The time of
/// `silence` runs while the stream waits.
///
/// The texts of an event are the bytes that the server has sent; they should be UTF-8.
///
/// Ends: when the server answers with the status 204. When it ends a response and reconnect.attempts is used up.
/// Errors: not_an_event_stream for another status than 200 and another type than text/event-stream;
/// message_too_large; std::invalid_argument; redirect_error; bad_message, but for a truncated one. Other errors,
/// and the statuses 429, 500, 502, 503 and 504, are followed by a reconnect, and thrown when reconnect.attempts is
/// used up or reconnect.when refuses.
/// Dropped: closes the connection.
/// Cost: one connection of the client as long as the stream lives. client_options::total_timeout and exchange.max_body
/// hold for each response.
/// See: read_events, events, retry.
///
/// @throws std::invalid_argument for options that are out of range
async_stream<event> event_source(const client& c, url from, event_source_options options = {});
inline async_stream<event> event_source(const client& c, std::string_view from, event_source_options options = {}) {
    return event_source(c, url{from}, std::move(options));
}

/// read_events(response): the events of one response, such as that to a POST.
///
///     auto sending = client.send(std::move(question));
///     auto answer = co_await std::move(sending);
///     co_await (weir::http::read_events(std::move(answer)) | weir::for_each(print));
///
/// Ends: with the body. An event that was cut off is dropped.
/// Errors: not_an_event_stream, message_too_large, and those of the body.
/// Dropped: closes the connection.
/// See: event_source, which reconnects.
async_stream<event> read_events(client_response response, event_limits limits = {});

} // namespace weir::http

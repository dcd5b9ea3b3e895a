// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include <weir/core/time.hpp>
#include <weir/http/client.hpp>
#include <weir/http/message.hpp>
#include <weir/http/url.hpp>
#include <weir/task.hpp>
#include <weir/websocket/connection.hpp>

namespace weir::websocket {

struct connect_options {
    http::connector connector = http::by_tcp();  ///< http::by_tls for `wss`
    http::headers headers = {};                  ///< of the handshake, such as Origin and Cookie
    std::vector<std::string> protocols = {};     ///< subprotocols that are offered, the preferred first
    duration timeout = std::chrono::seconds{10}; ///< for the connection and the handshake
    options limits = {};
};

/// `co_await websocket::connect(url, options)`: opens a WebSocket to a server, at a URL of `ws` or `wss`.
///
///     auto connecting = weir::websocket::connect("ws://example.org/chat");
///     weir::websocket::connection c = co_await std::move(connecting);
///     co_await c.send("hello");
///     co_await (std::ref(c) | weir::for_each(print));
///
/// Errors: http::upgrade_refused for a server that answers with another status than 101; handshake_error for an answer
/// that is not the one to this handshake; timed_out; those of the connector and of http::exchange.
/// Dropped: closes the connection.
/// See: accept, connection.
///
/// @throws std::invalid_argument for a text that is no such URL, and options that are out of range
task<connection> connect(std::string_view to, connect_options o = {});

/// The same with a URL of `http` or `https`.
task<connection> connect(http::url to, connect_options o = {});

} // namespace weir::websocket

// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <string>
#include <vector>

#include <weir/http/request.hpp>
#include <weir/task.hpp>
#include <weir/websocket/connection.hpp>

namespace weir::websocket {

struct accept_options {
    std::vector<std::string> protocols = {}; ///< subprotocols that are spoken, the preferred first
    options limits = {};
};

/// The response that opens a WebSocket, for a handler of http::serve. When it was sent, talk is called with the
/// connection.
///
///     weir::task<> echo(weir::websocket::connection& c);
///
///     weir::http::response answer(weir::http::request& r) {
///         if (r.path() == "/echo") return weir::websocket::accept(r, echo);
///         return weir::http::response{404};
///     }
///
/// When the task of talk ends, the connection is closed with the code 1000, or with 1011 if it has failed; its error
/// goes to server_options::on_error. talk and what it refers to must outlive the connection.
///
/// Browsers send the header Origin, and open WebSockets from any page: compare it if the requests are authorised by
/// cookies.
///
/// The stop of http::serve does not end the task: it may wait for the stop beside its messages. weir::serve drops it
/// after serve_options::drain.
///
/// A request that is no handshake is answered with 400, and one of another version with 426.
///
/// See: http::serve, connect, connection.
///
/// @throws std::invalid_argument for options that are out of range, when the connection is made
http::response accept(http::request& r, std::function<task<>(connection&)> talk, accept_options o = {});

} // namespace weir::websocket

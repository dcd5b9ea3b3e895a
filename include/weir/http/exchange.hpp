// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <utility>

#include <weir/http/client_message.hpp>
#include <weir/http/detail/client_connection.hpp>
#include <weir/http/detail/client_core.hpp>
#include <weir/http/message.hpp>
#include <weir/io/byte_stream.hpp>
#include <weir/task.hpp>

namespace weir::http {

/// `co_await http::exchange(stream, request, options)`: sends one request over a connection, a pipe, or any other byte
/// stream, and returns the response when its head has arrived. The response owns the stream.
///
///     weir::http::client_request r{"GET", weir::http::url{"http://app/status"}};
///     auto connection = co_await weir::unix_connect("/run/app.sock");
///     auto answer = co_await weir::http::exchange(std::move(connection), std::move(r));
///     const std::string text = co_await answer.text();
///
/// A body with a length is sent with Content-Length, any other in chunks. A response may arrive before the body was
/// sent: the rest of it is sent while the response's body is read.
///
/// Errors: std::invalid_argument for a request that cannot be sent; no_response; bad_message; message_too_large;
/// request_timed_out; those of the stream and of the request's body.
/// Dropped: destroys the stream.
/// Cost: one allocation for the connection, and 64 KiB while a body is read. A small request is one write.
/// See: client, which keeps connections.
template <byte_stream S>
task<client_response> exchange(S stream, client_request request, exchange_options options = {}) {
    detail::check(options, "weir::http::exchange(stream, request, options)");
    auto connection = std::make_unique<detail::client_connection<S>>(std::move(stream));
    connection->start(request, options);
    detail::head_operation reading{*connection};
    response_head head = co_await reading;
    co_return client_response{std::move(head), std::move(request.url), std::move(connection)};
}

} // namespace weir::http

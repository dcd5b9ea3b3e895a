// SPDX-License-Identifier: MIT
#include <weir/websocket/accept.hpp>

#include <exception>
#include <string_view>
#include <utility>

#include "handshake.hpp"

namespace weir::websocket {

namespace {

task<> talk_and_close(http::upgraded_stream stream, std::function<task<>(connection&)> talk, options limits,
                      std::string protocol) {
    connection c{std::move(stream), role::server, limits};
    c.set_protocol(std::move(protocol));
    std::exception_ptr error;
    try {
        auto talking = talk(c);
        co_await std::move(talking);
    } catch (...) {
        error = std::current_exception();
    }
    try {
        auto closing = c.close(error == nullptr ? close_code::normal : close_code::internal_error);
        co_await std::move(closing);
    } catch (...) {
        if (error == nullptr) error = std::current_exception();
    }
    if (error != nullptr) std::rethrow_exception(error);
}

http::response refuse(unsigned status, std::string_view why) {
    http::response answer{status, std::string{why}};
    answer.headers.add("Content-Type", "text/plain");
    return answer;
}

} // namespace

http::response accept(http::request& r, std::function<task<>(connection&)> talk, accept_options o) {
    const http::headers& fields = r.headers;
    if (r.method != "GET" || r.version != http::version::http_1_1 || !fields.has_token("Upgrade", "websocket") ||
        !fields.has_token("Connection", "Upgrade"))
        return refuse(400, "this is for WebSocket\n");
    if (fields.get("Sec-WebSocket-Version") != "13") {
        http::response answer = refuse(426, "the version is 13\n");
        answer.headers.add("Sec-WebSocket-Version", "13");
        answer.headers.add("Upgrade", "websocket").add("Connection", "Upgrade");
        return answer;
    }
    const auto key = fields.get("Sec-WebSocket-Key");
    if (fields.count("Sec-WebSocket-Key") != 1 || !detail::is_key(*key))
        return refuse(400, "Sec-WebSocket-Key is not valid\n");

    http::response answer{101};
    answer.headers.add("Upgrade", "websocket").add("Connection", "Upgrade");
    answer.headers.add("Sec-WebSocket-Accept", detail::accept_key(*key));
    std::string chosen;
    for (const std::string& name : o.protocols) {
        if (!fields.has_token("Sec-WebSocket-Protocol", name)) continue;
        chosen = name;
        answer.headers.add("Sec-WebSocket-Protocol", name);
        break;
    }
    answer.upgrade = [talk = std::move(talk), limits = o.limits, chosen](http::upgraded_stream stream) {
        return talk_and_close(std::move(stream), talk, limits, chosen);
    };
    return answer;
}

} // namespace weir::websocket

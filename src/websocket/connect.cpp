// SPDX-License-Identifier: MIT
#include <weir/websocket/connect.hpp>

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <utility>

#include "handshake.hpp"
#include <weir/executor/executor.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/client_message.hpp>
#include <weir/http/detail/syntax.hpp>
#include <weir/scope/with_timeout.hpp>

namespace weir::websocket {

namespace {

http::url http_url(std::string_view text) {
    const std::size_t colon = text.find(':');
    const std::string_view scheme = text.substr(0, colon);
    const bool plain = http::detail::equal_without_case(scheme, "ws");
    if (colon == std::string_view::npos || (!plain && !http::detail::equal_without_case(scheme, "wss")))
        throw std::invalid_argument{"weir::websocket::connect: the scheme is neither ws nor wss"};
    std::string same{plain ? "http" : "https"};
    return http::url{same.append(text.substr(colon))};
}

http::client_request handshake_request(http::url to, const connect_options& o, const std::string& key) {
    http::client_request r{"GET", std::move(to), {}, o.headers};
    for (const char* const name : {"Connection", "Upgrade", "Sec-WebSocket-Key", "Sec-WebSocket-Version",
                                   "Sec-WebSocket-Protocol", "Sec-WebSocket-Extensions"}) {
        if (!r.headers.contains(name)) continue;
        std::string what{"weir::websocket::connect: the header "};
        throw std::invalid_argument{what.append(name).append(" is the library's")};
    }
    std::string protocols;
    for (const std::string& name : o.protocols) {
        if (!http::detail::is_token(name))
            throw std::invalid_argument{"weir::websocket::connect: the name of a protocol is not a token"};
        protocols.append(protocols.empty() ? "" : ", ").append(name);
    }
    r.headers.add("Upgrade", "websocket").add("Connection", "Upgrade");
    r.headers.add("Sec-WebSocket-Key", key).add("Sec-WebSocket-Version", "13");
    if (!protocols.empty()) r.headers.add("Sec-WebSocket-Protocol", protocols);
    return r;
}

/// Returns the protocol that the server has chosen, or "".
std::string check_answer(const http::response_head& head, const connect_options& o, const std::string& key,
                         const std::string& peer) {
    const auto require = [&](bool ok, std::string_view why) {
        if (ok) return;
        std::string what{"weir::websocket: handshake with "};
        throw handshake_error{what.append(peer).append(": ").append(why)};
    };
    require(head.headers.has_token("Upgrade", "websocket"), "the answer has no `Upgrade: websocket`");
    require(head.headers.has_token("Connection", "Upgrade"), "the answer has no `Connection: Upgrade`");
    require(head.headers.count("Sec-WebSocket-Accept") == 1 &&
                head.headers.get("Sec-WebSocket-Accept") == detail::accept_key(key),
            "the answer is not the one to this key");
    require(!head.headers.contains("Sec-WebSocket-Extensions"), "the answer has an extension, which was not offered");
    require(head.headers.count("Sec-WebSocket-Protocol") <= 1, "the answer has several protocols");
    std::string chosen{head.headers.get("Sec-WebSocket-Protocol").value_or("")};
    require(chosen.empty() || std::find(o.protocols.begin(), o.protocols.end(), chosen) != o.protocols.end(),
            "the answer has a protocol that was not offered");
    return chosen;
}

task<connection> open(http::url to, connect_options o) {
    const std::string key = detail::make_key();
    http::client_request r = handshake_request(to, o, key);
    auto connecting = o.connector(std::move(to));
    http::connection c = co_await std::move(connecting);
    auto upgrading = http::upgrade(std::move(c), std::move(r));
    http::upgraded_response answer = co_await std::move(upgrading);
    std::string protocol = check_answer(answer.head, o, key, answer.stream.name());
    connection opened{std::move(answer.stream), role::client, o.limits};
    opened.set_protocol(std::move(protocol));
    co_return opened;
}

task<connection> open_in_time(http::url to, connect_options o) {
    const duration limit = o.timeout;
    executor& ex = *co_await this_executor();
    const time_point until = ex.time_after(limit);
    std::string what{"weir::websocket: connect to "};
    what.append(to.origin()).append(": no connection");
    try {
        auto opening = with_deadline(until, open(std::move(to), std::move(o)));
        co_return co_await std::move(opening);
    } catch (const timed_out&) {
        if (ex.now() < until) throw;
        throw timed_out{what, limit};
    }
}

} // namespace

task<connection> connect(http::url to, connect_options o) {
    if (o.timeout <= duration::zero())
        throw std::invalid_argument{"weir::websocket::connect: timeout must be positive"};
    if (o.connector == nullptr) throw std::invalid_argument{"weir::websocket::connect: there is no connector"};
    return open_in_time(std::move(to), std::move(o));
}

task<connection> connect(std::string_view to, connect_options o) { return connect(http_url(to), std::move(o)); }

} // namespace weir::websocket

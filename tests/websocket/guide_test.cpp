// SPDX-License-Identifier: MIT
// The code of docs/guide/websocket.md.
#include <chrono>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/sink/next.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/sync/broadcast.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/websocket/accept.hpp>
#include <weir/websocket/connect.hpp>

using namespace std::chrono_literals;

namespace websocket_guide {

// [server]
weir::task<> echo(weir::websocket::connection& c) {
    while (auto m = co_await weir::next(c)) co_await c.send(*std::move(m));
}

weir::http::response answer(weir::http::request& r) {
    if (r.path() == "/echo") return weir::websocket::accept(r, echo, {.limits = {.max_message = 100'000}});
    return weir::http::response{404};
}

weir::task<> serve(weir::tcp_listener listener, const weir::event& stop) {
    const auto connection = [](weir::tcp_stream client, const weir::server_stop& stopping) {
        return weir::http::serve(std::move(client), answer, stopping.requested());
    };
    co_await (weir::accept(std::move(listener)) | weir::serve(connection, stop.wait()));
}
// [/server]

// [client]
weir::task<std::string> shout(std::string to) {
    auto connecting = weir::websocket::connect(to);
    weir::websocket::connection c = co_await std::move(connecting);
    co_await c.send("hello");
    auto m = co_await weir::next(c);
    if (!m) co_return "closed";
    co_await c.close();
    co_return std::move(m->data);
}
// [/client]

// [both]
/// Sends what is published to one client, and publishes what the client says.
weir::task<> talk(weir::websocket::connection& c, const weir::broadcast<std::string>& room) {
    auto messages = room.subscribe({.capacity = 100, .overflow = weir::overflow::drop_oldest});
    const auto hear = [&]() -> weir::task<> {
        while (auto text = co_await weir::next(messages)) co_await c.send(*std::move(text));
    };
    const auto speak = [&]() -> weir::task<> {
        while (auto m = co_await weir::next(c)) room.try_send(std::move(m->data));
    };
    co_await weir::when_any(hear(), speak()); // until the client closes the connection
}
// [/both]

} // namespace websocket_guide

using namespace websocket_guide;

TEST_SUITE("websocket/guide") {
    TEST_CASE("websocket guide: a server echoes") {
        weir::testing::simulation sim{1};
        const weir::event stop;
        const weir::endpoint at{"10.0.0.1", 80};
        auto serving = sim.spawn(serve(sim.run(weir::listen(at)), stop));
        CHECK(sim.run(shout("ws://10.0.0.1/echo")) == "hello");
        CHECK_THROWS_WITH(sim.run(shout("ws://10.0.0.1/other")),
                          "weir::http: upgrade at http://10.0.0.1: the status is 404");
        stop.set();
        sim.run(std::move(serving));
    }
    TEST_CASE("websocket guide: what a client says goes to all") {
        weir::testing::simulation sim{1};
        const weir::endpoint at{"10.0.0.1", 80};
        const weir::broadcast<std::string> room;
        const auto serve_room = [&](weir::tcp_listener listener) -> weir::task<> {
            const auto enter = [&](weir::http::request& r) {
                return weir::websocket::accept(r, [&](weir::websocket::connection& c) { return talk(c, room); });
            };
            const auto connection = [&](weir::tcp_stream client) {
                return weir::http::serve(std::move(client), enter);
            };
            co_await (weir::accept(std::move(listener)) | weir::serve(connection));
        };
        auto serving = sim.spawn(serve_room(sim.run(weir::listen(at))));
        CHECK(sim.run(shout("ws://10.0.0.1/")) == "hello");
    }
}

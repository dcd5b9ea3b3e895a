// SPDX-License-Identifier: MIT
// The code of the part about the client in docs/guide/http.md.
#include <chrono>
#include <cstddef>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/http/client.hpp>
#include <weir/http/error.hpp>
#include <weir/http/event_source.hpp>
#include <weir/http/exchange.hpp>
#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>
#include <weir/io/unix.hpp>
#include <weir/operators/map_async.hpp>
#include <weir/operators/map_async_unordered.hpp>
#include <weir/sink/drain.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/iota.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

using namespace std::chrono_literals;

namespace http_client_guide {

// [get]
weir::task<std::string> page(const weir::http::client& client, std::string from) {
    auto r = co_await client.get(from);
    if (r.status != 200) throw std::runtime_error{from + ": " + std::to_string(r.status)};
    co_return co_await r.text(); // up to 16 MiB
}
// [/get]

// [stream]
weir::task<std::size_t> size_of(const weir::http::client& client, std::string from) {
    auto r = co_await client.get(from);
    std::size_t size = 0;
    co_await (r.body() | weir::for_each([&](const weir::bytes& part) { size += part.size(); }));
    co_return size;
}
// [/stream]

// [post]
weir::task<unsigned> store(const weir::http::client& client, weir::http::url to, weir::http::body content) {
    weir::http::client_request r{"POST", std::move(to), std::move(content)};
    r.headers.add("Content-Type", "text/plain");
    r.expect = weir::http::expect_continue::yes; // the body is sent when the server wants it
    auto sending = client.send(std::move(r));
    auto answer = co_await std::move(sending);
    co_return answer.status;
}
// [/post]

// [options]
weir::http::client polite() {
    weir::http::client_options options;
    options.connections_per_origin = 4;
    options.connect_timeout = 2s;
    options.total_timeout = 30s;
    options.exchange.max_body = 100'000'000;
    options.headers.add("User-Agent", "polite/1.0");
    return weir::http::client{std::move(options)};
}
// [/options]

// [connector]
weir::http::client of_app() {
    weir::http::client_options options;
    options.connector = [](const weir::http::url&) -> weir::task<weir::http::connection> {
        auto connecting = weir::unix_connect("/run/app.sock");
        auto stream = co_await std::move(connecting);
        co_return weir::http::connection{std::move(stream)};
    };
    return weir::http::client{std::move(options)};
}
// [/connector]

// [events]
weir::task<> follow(const weir::http::client& client, std::string from) {
    weir::http::event_source_options options;
    options.silence = 30s; // a connection over which nothing arrives for so long is made again
    options.on_error = [](const std::exception_ptr&) { std::cerr << "reconnecting\n"; };
    auto news = weir::http::event_source(client, from, std::move(options));
    co_await (std::move(news) | weir::for_each([](const weir::http::event& e) { std::cout << e.data << '\n'; }));
}
// [/events]

weir::task<> serve(weir::tcp_listener listener) {
    auto answer = [](weir::tcp_stream s) {
        const auto echo = [](weir::http::request& r) -> weir::task<weir::http::response> {
            if (r.path() == "/missing") co_return weir::http::response{404};
            std::string text = co_await r.text();
            co_return weir::http::response{200, text.empty() ? r.target : text};
        };
        return weir::http::serve(std::move(s), echo);
    };
    co_await (weir::accept(std::move(listener)) | weir::map_async_unordered(100, answer) | weir::drain());
}

} // namespace http_client_guide

using namespace http_client_guide;

TEST_SUITE("http/client_guide") {
    TEST_CASE("http guide: a client gets and posts") {
        weir::testing::simulation sim{1};
        const weir::endpoint at{"10.0.0.1", 80};
        auto serving = sim.spawn(serve(sim.run(weir::listen(at))));
        const weir::http::client client = polite();
        CHECK(sim.run(page(client, "http://10.0.0.1/a")) == "/a");
        CHECK_THROWS_WITH(sim.run(page(client, "http://10.0.0.1/missing")), "http://10.0.0.1/missing: 404");
        CHECK(sim.run(size_of(client, "http://10.0.0.1/abc")) == 4);
        CHECK(sim.run(store(client, weir::http::url{"http://10.0.0.1/"}, "text")) == 200);
        CHECK_THROWS_WITH(sim.run(follow(client, "http://10.0.0.1/missing")),
                          "weir::http: events of http://10.0.0.1: the status is 404");
        client.close_idle();
    }
    TEST_CASE("http guide: a client speaks over a Unix socket") {
        weir::testing::simulation sim{1};
        const weir::http::client client = of_app();
        CHECK_THROWS_WITH(sim.run(page(client, "http://app/a")), "connect to /run/app.sock: No such file or directory");
    }
}

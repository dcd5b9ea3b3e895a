// SPDX-License-Identifier: MIT
// The code of docs/guide/http.md.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>
#include <weir/sink/for_each.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>

using namespace std::chrono_literals;

namespace http_guide {

// [handler]
weir::task<weir::http::response> answer(weir::http::request& r) {
    if (r.method == "GET" && r.path() == "/") co_return weir::http::response{200, "hello\n"};
    if (r.method == "POST" && r.path() == "/upper") {
        std::string text = co_await r.text();
        for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
        co_return weir::http::response{200, std::move(text), {{"Content-Type", "text/plain"}}};
    }
    co_return weir::http::response{404, "nothing here\n"};
}
// [/handler]

// [server]
weir::task<> serve(weir::tcp_listener listener, const weir::event& stop) {
    const auto connection = [](weir::tcp_stream client, const weir::server_stop& stopping) {
        return weir::http::serve(std::move(client), answer, stopping.requested(), {.max_body = 100'000});
    };
    const weir::serve_options limits{.max_connections = 1000, .drain = 5s};
    co_await (weir::accept(std::move(listener)) | weir::serve(connection, stop.wait(), limits));
}
// [/server]

// [streams]
weir::async_stream<std::string> ticks(int n) {
    for (int i = 0; i < n; ++i) {
        co_await weir::sleep_for(1s);
        co_yield "tick " + std::to_string(i) + "\n";
    }
}

weir::task<weir::http::response> stream(weir::http::request& r) {
    if (r.path() == "/ticks") co_return weir::http::response{200, ticks(3)}; // in chunks, as they arrive
    if (r.path() == "/echo") co_return weir::http::response{200, r.body()};  // both bodies at the same time
    std::size_t size = 0;
    r.limit_body(1'000'000'000); // in place of max_body
    co_await (r.body() | weir::for_each([&](const weir::bytes& part) { size += part.size(); }));
    co_return weir::http::response{200, std::to_string(size)};
}
// [/streams]

weir::task<std::string> ask(weir::endpoint at, std::string request) {
    auto s = co_await weir::tcp_connect(at);
    co_await s.write(request);
    co_await s.shutdown_write();
    std::string answers;
    std::array<char, 1000> buffer{};
    while (const std::size_t size = co_await s.read(buffer)) answers.append(buffer.data(), size);
    co_return answers;
}

template <class Handler>
weir::task<> serve_one(weir::tcp_listener listener, Handler handler) {
    auto client = co_await listener.accept();
    const weir::http::server_options options{.date = weir::http::date_header::omitted};
    co_await weir::http::serve(std::move(client), handler, options);
}

} // namespace http_guide

using namespace http_guide;

TEST_SUITE("http/guide") {
    TEST_CASE("http guide: a server answers, and ends at its stop") {
        weir::testing::simulation sim{1};
        const weir::endpoint at{"10.0.0.1", 80};
        const weir::event stop;
        auto serving = sim.spawn(serve(sim.run(weir::listen(at)), stop));
        const std::string answers = sim.run(ask(at, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
                                                    "POST /upper HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                                                    "GET /x HTTP/1.1\r\nHost: a\r\n\r\n"));
        CHECK(answers.find("HTTP/1.1 200 OK\r\n") == 0);
        CHECK(answers.find("\r\n\r\nhello\n") != answers.npos);
        CHECK(answers.find("\r\n\r\nABC") != answers.npos);
        CHECK(answers.find("HTTP/1.1 404 Not Found\r\n") != answers.npos);
        stop.set();
        sim.run(std::move(serving));
    }
    TEST_CASE("http guide: streams are the bodies of responses and requests") {
        weir::testing::simulation sim{1};
        const weir::endpoint at{"10.0.0.1", 80};
        auto serving = sim.spawn(serve_one(sim.run(weir::listen(at)), stream));
        CHECK(sim.run(ask(at, "GET /ticks HTTP/1.1\r\nHost: a\r\n\r\n"
                              "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
                              "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345")) ==
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
              "7\r\ntick 0\n\r\n7\r\ntick 1\n\r\n7\r\ntick 2\n\r\n0\r\n\r\n"
              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
              "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n5");
        sim.run(std::move(serving));
    }
}

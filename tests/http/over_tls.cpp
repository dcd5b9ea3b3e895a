// SPDX-License-Identifier: MIT
// HTTP over TLS, where both libraries are built.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/http/server.hpp>
#include <weir/io/tcp.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/tls/stream.hpp>

#include "../tls/support.hpp"

using namespace std::chrono_literals;

namespace {

weir::task<weir::http::response> answer(weir::http::request& r) {
    std::string text = co_await r.text();
    co_return weir::http::response{200, std::move(text)};
}

// [tls]
weir::task<> serve(weir::tcp_listener listener, const weir::tls::context& ours, const weir::event& stop) {
    const auto connection = [&](weir::tcp_stream client, const weir::server_stop& stopping) -> weir::task<> {
        auto handshake = weir::with_timeout(10s, weir::tls::server(std::move(client), ours));
        auto s = co_await std::move(handshake);
        co_await weir::http::serve(std::move(s), answer, stopping.requested());
    };
    co_await (weir::accept(std::move(listener)) | weir::serve(connection, stop.wait()));
}
// [/tls]

weir::task<std::string> ask(weir::endpoint at, const weir::tls::context& trust) {
    auto plain = co_await weir::tcp_connect(at);
    auto s = co_await weir::tls::client(std::move(plain), "server.test", trust);
    const std::string body(200'000, 'x');
    std::string request{"POST / HTTP/1.1\r\nHost: server.test\r\nContent-Length: 200000\r\nConnection: close\r\n\r\n"};
    request.append(body);
    co_await s.write(request);
    std::string got;
    std::array<char, 10'000> buffer{};
    while (const std::size_t size = co_await s.read(buffer)) got.append(buffer.data(), size);
    CHECK(got.starts_with("HTTP/1.1 200 OK\r\n"));
    CHECK(got.ends_with("\r\n\r\n" + body));
    co_return s.protocol();
}

} // namespace

TEST_SUITE("http/over_tls") {
    TEST_CASE("a server answers over TLS, and says goodbye with a close_notify") {
        auto options = support::with_certificate("server");
        options.protocols = {"http/1.1"};
        const weir::tls::context ours{options};
        auto trusting = support::trusting();
        trusting.protocols = {"http/1.1"};
        const weir::tls::context trust{trusting};
        weir::testing::for_each_seed(5, {.network = {.longest_latency = 1ms, .short_transfer = 0.5}},
                                     [&](weir::testing::simulation& sim) {
                                         const weir::endpoint at{"10.0.0.1", 443};
                                         const weir::event stop;
                                         auto serving = sim.spawn(serve(sim.run(weir::listen(at)), ours, stop));
                                         CHECK(sim.run(ask(at, trust)) == "http/1.1");
                                         stop.set();
                                         sim.run(std::move(serving));
                                         CHECK(sim.descriptors() == 0);
                                     });
    }
}

// SPDX-License-Identifier: MIT
// The code of docs/guide/tls.md.
#include <array>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include <weir/io/tcp.hpp>
#include <weir/resilience/concurrency_limit.hpp>
#include <weir/scope/with_timeout.hpp>
#include <weir/sink/serve.hpp>
#include <weir/source/accept.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/simulation.hpp>
#include <weir/tls/stream.hpp>

#include "support.hpp"

using namespace std::chrono_literals;

namespace {

// [client]
weir::task<std::string> ask(weir::endpoint at, std::string host, const weir::tls::context& trust) {
    auto plain = co_await weir::tcp_connect(at);
    auto s = co_await weir::with_timeout(10s, weir::tls::client(std::move(plain), host, trust));
    co_await s.write("hello\n");
    co_await s.shutdown_write(); // close_notify: there is no more
    std::string answer;
    std::array<char, 4096> buffer;
    while (const std::size_t size = co_await s.read(buffer)) answer.append(buffer.data(), size);
    co_return answer; // whole: an end without a close_notify is an error
}
// [/client]

// [server]
weir::task<> echo(weir::tcp_stream client, weir::concurrency_limit& handshakes, const weir::tls::context& ours) {
    auto handshake = weir::with_timeout(10s, weir::tls::server(std::move(client), ours));
    auto s = co_await handshakes.run(std::move(handshake));
    std::array<char, 4096> buffer;
    while (const std::size_t size = co_await s.read(buffer)) co_await s.write(std::string_view(buffer.data(), size));
    co_await s.shutdown_write();
}

weir::task<> serve(weir::tcp_listener listener, const weir::tls::context& ours, const weir::event& stop) {
    weir::concurrency_limit handshakes{100};
    const auto handler = [&](weir::tcp_stream client) { return echo(std::move(client), handshakes, ours); };
    auto clients = weir::accept(std::move(listener));
    co_await (std::move(clients) | weir::serve(handler, stop.wait()));
}
// [/server]

} // namespace

TEST_SUITE("tls/guide") {
    TEST_CASE("the code of the guide") {
        const std::string chain = support::pem("server.pem");
        const std::string key = support::pem("server.key");
        // [context]
        weir::tls::context_options options;
        options.certificates = chain; // PEM: the server's own first, then those between it and its authority
        options.key = key;
        options.protocols = {"http/1.1"}; // for ALPN, the preferred one first
        weir::tls::context ours{options};
        // [/context]
        const weir::tls::context trust{support::trusting()};
        weir::testing::simulation sim{1};
        const weir::endpoint at{"10.0.0.1", 443};
        const weir::event stop;
        auto serving = sim.spawn(serve(sim.run(weir::listen(at)), ours, stop));
        CHECK(sim.run(ask(at, "server.test", trust)) == "hello\n");
        // [reload]
        options.certificates = chain; // new ones
        ours.reload(options);         // for handshakes from now on; connections continue
        // [/reload]
        CHECK(sim.run(ask(at, "server.test", trust)) == "hello\n");
        stop.set();
        sim.run(std::move(serving));
    }
}

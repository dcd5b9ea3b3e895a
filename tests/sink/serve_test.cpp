// SPDX-License-Identifier: MIT
#include <weir/sink/serve.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <map>
#include <optional>
#include <span>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <numbers.hpp>
#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/io/unix.hpp>
#include <weir/operators/inspect.hpp>
#include <weir/operators/take.hpp>
#include <weir/scope/when_any.hpp>
#include <weir/sink/next.hpp>
#include <weir/source/accept.hpp>
#include <weir/source/iota.hpp>
#include <weir/source/never.hpp>
#include <weir/task.hpp>
#include <weir/testing/probe.hpp>
#include <weir/testing/virtual_executor.hpp>

#include <doctest/doctest.h>

#include <sys/socket.h>

#include "allocations.hpp"
#include "raw_io.hpp"

using namespace std::chrono_literals;

namespace {

using support::numbers;
using weir::serve_result;

/// A server whose connections are numbers of seconds, for which each is handled.
struct server {
    weir::testing::virtual_executor ex;
    weir::testing::probe<int> connections;
    weir::testing::probe<int> stop;
    std::vector<int> begun;
    std::vector<int> ended;
    std::vector<std::string> errors;
    int alive = 0;

    struct presence {
        int& count;
        explicit presence(int& c) : count{c} { ++count; }
        ~presence() { --count; }
    };

    auto handler() {
        return [this](int n) { return handle(n); };
    }
    weir::task<> handle(int n) {
        const presence here{alive};
        begun.push_back(n);
        co_await weir::sleep_for(n * 1s);
        if (n == 13) throw std::runtime_error{"thirteen"};
        ended.push_back(n);
    }

    auto tell() {
        return [this](std::exception_ptr error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                errors.emplace_back(e.what());
            }
        };
    }

    auto start(weir::serve_options options = {}) {
        auto handle = ex.spawn(connections.stream() | weir::serve(handler(), stop.stream(), std::move(options)));
        ex.run_ready();
        return handle;
    }
    void connect(std::initializer_list<int> some) {
        for (const int n : some) connections.push(n);
        ex.run_ready();
    }
    void stop_now() {
        stop.push(0);
        ex.run_ready();
    }
};

weir::task<> echo(weir::tcp_stream client) {
    std::array<char, 4096> block;
    while (const std::size_t size = co_await client.read(block)) {
        co_await client.write(std::span(block).first(size));
    }
}

weir::task<std::string> ask(weir::tcp_stream& server, std::string text) {
    co_await server.write(text);
    std::string answer(text.size(), '\0');
    for (std::size_t got = 0; got != answer.size();) {
        const std::size_t n = co_await server.read(std::span(answer).subspan(got));
        if (n == 0) throw std::runtime_error{"the end"};
        got += n;
    }
    co_return answer;
}

} // namespace

TEST_SUITE("sink/serve") {
    TEST_CASE("serve handles connections concurrently until they end") {
        server s;
        auto running = s.start();
        s.connect({3, 1, 2});
        s.connections.end();
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 3});
        CHECK(s.ended == numbers{1, 2, 3});
        CHECK(s.ex.elapsed() == 3s);
        CHECK(s.ex.stats().timers_armed == 0);
    }

    TEST_CASE("serve accepts no connection after the stop and lets running handlers finish") {
        server s;
        auto running = s.start();
        s.connect({5, 2});
        s.ex.advance(1s);
        s.stop_now();
        CHECK(s.connections.dropped());
        s.connect({1});
        CHECK(s.begun == numbers{5, 2});
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 2});
        CHECK(s.ended == numbers{2, 5});
        CHECK(s.ex.elapsed() == 5s);
        CHECK(s.ex.stats().timers_armed == 0);
    }

    TEST_CASE("serve drops handlers that run for too long after the stop") {
        server s;
        auto running = s.start({.drain = 3s});
        s.connect({5, 2, 4});
        s.ex.advance(1s);
        s.stop_now();
        s.ex.advance(3s - 1ns);
        CHECK(!running.finished());
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 2, .dropped = 1});
        CHECK(s.ex.elapsed() == 4s);
        CHECK(s.ended == numbers{2, 4});
        CHECK(s.alive == 0);
    }

    TEST_CASE("serve drops all handlers at once with a drain of 0, and none with an endless one") {
        server s;
        auto running = s.start({.drain = 0s});
        s.connect({5, 2});
        s.stop_now();
        CHECK(s.alive == 0);
        CHECK(s.ex.run(std::move(running)) == serve_result{.dropped = 2});

        server endless;
        running = endless.start({.drain = weir::duration::max()});
        endless.connect({1'000'000});
        endless.stop_now();
        CHECK(endless.ex.run(std::move(running)) == serve_result{.served = 1});
        CHECK(endless.ex.elapsed() == 1'000'000s);
    }

    TEST_CASE("serve: a second stop signal ends the drain") {
        server s;
        auto running = s.start();
        s.connect({5});
        s.stop_now();
        s.ex.advance(1s);
        CHECK(s.alive == 1);
        s.stop_now();
        CHECK(s.ex.run(std::move(running)) == serve_result{.dropped = 1});
        CHECK(s.ex.elapsed() == 1s);
    }

    TEST_CASE("serve ends at once after a stop without connections") {
        server s;
        auto running = s.start();
        s.stop_now();
        CHECK(s.ex.run(std::move(running)) == serve_result{});
        CHECK(s.ex.elapsed() == 0s);
    }

    TEST_CASE("serve accepts no connection if the stop arrived before the start") {
        server s;
        s.connections.push(1);
        s.stop.push(0);
        auto running = s.start();
        CHECK(s.connections.polls() == 0);
        CHECK(s.ex.run(std::move(running)) == serve_result{});
    }

    TEST_CASE("serve: the stop may be an operation, or a token") {
        server s;
        auto running = s.ex.spawn(s.connections.stream() | weir::serve(s.handler(), weir::sleep_for(2s)));
        s.connect({5});
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 1});
        CHECK(s.ex.elapsed() == 5s);

        std::stop_source source;
        weir::executor ex;
        auto waiting = ex.spawn(weir::never<int>() | weir::serve(s.handler(), source.get_token()));
        ex.turn(ex.now());
        source.request_stop();
        CHECK(ex.run(std::move(waiting)) == serve_result{});
    }

    TEST_CASE("serve without a stop runs until the connections end") {
        server s;
        CHECK(s.ex.run(weir::iota(1, 4) | weir::serve(s.handler())) == serve_result{.served = 3});
    }

    TEST_CASE("serve ignores a stop stream that ends without an item") {
        server s;
        auto running = s.start();
        s.stop.end();
        s.connect({1});
        CHECK(s.ended == numbers{});
        s.ex.advance(1s);
        CHECK(s.ended == numbers{1});
        CHECK(!running.finished());
    }

    TEST_CASE("serve lets connections beyond the limit wait until one ends") {
        server s;
        auto running = s.start({.max_connections = 2});
        s.connect({2, 3, 1});
        CHECK(s.begun == numbers{2, 3});
        CHECK(s.connections.taken() == 2);
        s.ex.advance(2s);
        CHECK(s.begun == numbers{2, 3, 1});
        s.connect({9});
        s.stop_now();
        CHECK(s.connections.dropped());
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 3});
    }

    TEST_CASE("serve refuses connections beyond the limit with an error that names it") {
        server s;
        auto running = s.start({.max_connections = 2, .on_full = weir::when_full::refuse, .on_error = s.tell()});
        s.connect({2, 3, 1, 4});
        CHECK(s.begun == numbers{2, 3});
        CHECK(s.errors == std::vector<std::string>(2, "weir::serve: there are 2 connections"));
        s.ex.advance(2s);
        s.connect({5, 6});
        s.stop_now();
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 3, .refused = 3});
        CHECK(s.begun == numbers{2, 3, 5});
    }

    TEST_CASE("serve fails with the first failure of a handler and drops the others") {
        server s;
        auto running = s.start();
        s.connect({13, 20});
        CHECK_THROWS_WITH_AS(s.ex.run(std::move(running)), "thirteen", std::runtime_error);
        CHECK(s.alive == 0);
        CHECK(s.connections.dropped());
    }

    TEST_CASE("serve passes a handler's failure to on_error and goes on") {
        server s;
        auto running = s.start({.on_error = s.tell()});
        s.connect({13, 20, 13});
        s.connections.end();
        s.ex.advance(13s);
        CHECK(s.errors == std::vector<std::string>{"thirteen", "thirteen"});
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 1, .failed = 2});
    }

    TEST_CASE("serve throws the failure of the connections after the running handlers have ended or were dropped") {
        server s;
        auto running = s.start({.drain = 3s});
        s.connect({2, 5});
        s.connections.fail(std::make_exception_ptr(std::runtime_error{"accept"}));
        CHECK_THROWS_WITH_AS(s.ex.run(std::move(running)), "accept", std::runtime_error);
        CHECK(s.ended == numbers{2});
        CHECK(s.ex.elapsed() == 3s);
        CHECK(s.alive == 0);
    }

    TEST_CASE("serve fails at once with a failure of the stop") {
        server s;
        auto running = s.start();
        s.connect({5});
        s.stop.fail(std::make_exception_ptr(std::runtime_error{"stop"}));
        CHECK_THROWS_WITH_AS(s.ex.run(std::move(running)), "stop", std::runtime_error);
        CHECK(s.alive == 0);
    }

    TEST_CASE("serve drops its handlers when it is dropped at any moment") {
        for (int at = 0; at != 6; ++at) {
            server s;
            {
                auto running = s.start({.max_connections = 2, .drain = 2s});
                s.connect({1, 10, 10});
                if (at >= 3) s.stop_now();
                s.ex.advance(at * 500ms);
            }
            CHECK(s.alive == 0);
            CHECK(s.connections.dropped());
            CHECK(s.ex.stats().timers_armed == 0);
        }
    }

    TEST_CASE("serve: handlers that wait for the stop end with it, however long the drain is") {
        server s;
        int goodbyes = 0;
        const auto handler = [&](int, const weir::server_stop& stop) -> weir::task<> {
            CHECK_FALSE(stop.is_requested());
            co_await weir::when_any(weir::sleep_for(1h), stop.requested());
            goodbyes += stop.is_requested() ? 1 : 0;
        };
        auto running = s.ex.spawn(s.connections.stream() | weir::serve(handler, s.stop.stream()));
        s.ex.run_ready();
        s.connect({1, 2, 3});
        s.ex.advance(1s);
        s.stop_now();
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 3});
        CHECK(s.ex.elapsed() == 1s);
        CHECK(goodbyes == 3);
        CHECK(s.ex.stats().timers_armed == 0);
    }

    TEST_CASE("serve drops the handler of a connection that outlives its lifetime") {
        server s;
        auto running = s.start({.lifetime = 3s, .on_error = s.tell()});
        s.connect({2, 3, 5, 13});
        s.connections.end();
        CHECK(s.ex.run(std::move(running)) == serve_result{.served = 2, .expired = 2});
        CHECK(s.ended == numbers{2, 3}); // the one that ends in that turn has ended in time
        CHECK(s.ex.elapsed() == 3s);
        CHECK(s.alive == 0);
        CHECK(s.errors == std::vector<std::string>(2, "weir::serve: a connection has not ended within 3s"));
    }

    TEST_CASE("serve may be dropped by its callables and its connections") {
        for (const int who : {0, 1, 2, 3}) {
            CAPTURE(who);
            server s;
            std::optional<weir::testing::probe_sink<weir::async_stream<int>>> sink;
            const auto drop = [&] { sink.reset(); };
            weir::serve_options options{.max_connections = 1, .on_full = weir::when_full::refuse};
            options.on_error = [&](const std::exception_ptr&) { drop(); };
            const auto handler = [&](int n) -> weir::task<> {
                if (who == 0) drop();
                co_await weir::sleep_for(1s);
                if (n == 13) throw std::runtime_error{"thirteen"};
            };
            // As the child of an operator that polls it by a driver: nothing above puts the destruction off.
            auto serve = [&](int) {
                return s.connections.stream() | weir::inspect([&](int) {
                           if (who == 1) drop();
                       }) |
                       weir::serve(handler, s.stop.stream(), options);
            };
            auto results = weir::iota(0, 1) | weir::map_async_unordered(1, serve) |
                           weir::map_async_unordered(1, [](serve_result) -> weir::task<int> { co_return 1; });
            sink.emplace(s.ex, weir::async_stream<int>{std::move(results)});
            sink->request(1);
            s.ex.run_ready();
            s.connections.push(13);
            s.ex.run_ready();
            if (who == 2) s.connections.push(1);
            s.ex.advance(2s);
            CHECK_FALSE(sink);
        }
    }

    TEST_CASE("serve: more connections allocate no more") {
        CHECK(support::allocations_for_more_items([](int n) {
                  weir::testing::virtual_executor ex;
                  const auto handler = [](int) { return weir::yield(); };
                  ex.run(weir::iota(0, n) | weir::serve(handler, {.max_connections = 10}));
              }) == 0);
    }

    TEST_CASE("serve rejects arguments that make no sense") {
        server s;
        CHECK_THROWS_WITH_AS(weir::serve(s.handler(), {.max_connections = 0}),
                             "weir::serve(handler, stop, options): max_connections must be at least 1",
                             std::invalid_argument);
        CHECK_THROWS_WITH_AS(weir::serve(s.handler(), {.drain = -1s}),
                             "weir::serve(handler, stop, options): drain must not be negative", std::invalid_argument);
        CHECK_THROWS_AS(weir::serve(s.handler(), {.max_per_peer = 0}), std::invalid_argument);
        CHECK_THROWS_AS(weir::serve(s.handler(), {.lifetime = 0s}), std::invalid_argument);
    }

    TEST_CASE("serve: a real server lets its clients finish, and refuses new ones") {
        weir::executor ex;
        const std::size_t before = support::open_descriptors();
        {
            auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
            const weir::endpoint address = listener.local_endpoint();
            weir::testing::probe<int> stop;
            auto running = ex.spawn(weir::accept(std::move(listener)) | weir::serve(echo, stop.stream()));
            auto first = ex.run(weir::tcp_connect(address));
            auto second = ex.run(weir::tcp_connect(address));
            CHECK(ex.run(ask(first, "one")) == "one");
            CHECK(ex.run(ask(second, "two")) == "two");
            stop.push(1);
            ex.run(weir::yield());
            CHECK(support::system_error_of([&] { return ex.run(weir::tcp_connect(address)); }) ==
                  "connect to " + address.to_string() + ": Connection refused");
            CHECK(ex.run(ask(first, "still there")) == "still there");
            first.close();
            second.close();
            CHECK(ex.run(std::move(running)) == serve_result{.served = 2});
        }
        CHECK(support::open_descriptors() == before);
    }

    TEST_CASE("serve leaves new clients in the backlog of a borrowed listener") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        weir::testing::probe<int> stop;
        auto running = ex.spawn(weir::accept(listener) | weir::serve(echo, stop.stream()));
        ex.run(weir::yield());
        stop.push(1);
        CHECK(ex.run(std::move(running)) == serve_result{});
        auto client = ex.run(weir::tcp_connect(listener.local_endpoint()));
        running = ex.spawn(weir::accept(listener) | weir::serve(echo, stop.stream()));
        CHECK(ex.run(ask(client, "hello")) == "hello");
    }

    TEST_CASE("serve: 100 open connections end at once when their handlers wait for the stop") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const weir::endpoint address = listener.local_endpoint();
        weir::testing::probe<int> stop;
        const auto handler = [](weir::tcp_stream client, const weir::server_stop& end) -> weir::task<> {
            std::array<char, 64> block;
            co_await weir::when_any(client.read(block), end.requested());
            co_await client.write("bye");
        };
        auto running = ex.spawn(weir::accept(std::move(listener)) |
                                weir::serve(handler, stop.stream(), {.drain = weir::duration::max()}));
        std::vector<weir::tcp_stream> clients;
        for (int i = 0; i != 100; ++i) clients.push_back(ex.run(weir::tcp_connect(address)));
        stop.push(1);
        CHECK(ex.run(std::move(running)) == serve_result{.served = 100});
        std::array<char, 3> answer;
        for (auto& client : clients) CHECK(ex.run(client.read(answer)) == 3);
    }

    TEST_CASE("serve refuses the connections of one peer beyond a limit, and accepts those of others") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"0.0.0.0", 0}));
        const auto port = listener.local_endpoint().port();
        server s;
        auto running =
            ex.spawn(weir::accept(std::move(listener)) | weir::serve(echo, {.max_per_peer = 2, .on_error = s.tell()}));
        const auto connect = [&] { return ex.run(weir::tcp_connect({"127.0.0.1", port})); };
        auto first = connect();
        auto second = connect();
        CHECK(ex.run(ask(first, "one")) == "one");
        CHECK(ex.run(ask(second, "two")) == "two");
        auto third = connect();
        std::array<char, 1> byte;
        CHECK(ex.run(third.read(byte)) == 0);
        CHECK(s.errors == std::vector<std::string>{"weir::serve: there are 2 connections from 127.0.0.1; refused " +
                                                   ex.run(third.local_endpoint()).to_string()});
        const int bound = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        weir::received_descriptor owned{{bound, ex.io().closer()}};
        const weir::endpoint elsewhere{"127.0.0.2", 0};
        const weir::endpoint server_address{"127.0.0.1", port};
        REQUIRE(::bind(bound, static_cast<const sockaddr*>(elsewhere.data()), elsewhere.size()) == 0);
        REQUIRE(::connect(bound, static_cast<const sockaddr*>(server_address.data()), server_address.size()) == 0);
        auto other = ex.run(std::move(owned).to_tcp_stream());
        CHECK(ex.run(ask(other, "three")) == "three");
        second.close();
        while (s.errors.size() < 10) {
            auto again = connect();
            if (ex.run(again.write("4")), ex.run(again.read(byte)) == 1) break;
        }
        CHECK(byte[0] == '4');
    }

    TEST_CASE("serve: a refused client sees the end, and the error names the client") {
        weir::executor ex;
        auto listener = ex.run(weir::listen({"127.0.0.1", 0}));
        const weir::endpoint address = listener.local_endpoint();
        server s;
        auto running = ex.spawn(
            weir::accept(std::move(listener)) |
            weir::serve(echo, {.max_connections = 1, .on_full = weir::when_full::refuse, .on_error = s.tell()}));
        auto first = ex.run(weir::tcp_connect(address));
        CHECK(ex.run(ask(first, "one")) == "one");
        auto second = ex.run(weir::tcp_connect(address));
        std::array<char, 1> byte;
        CHECK(ex.run(second.read(byte)) == 0);
        CHECK(s.errors == std::vector<std::string>{"weir::serve: there are 1 connections; refused " +
                                                   ex.run(second.local_endpoint()).to_string()});
    }
}

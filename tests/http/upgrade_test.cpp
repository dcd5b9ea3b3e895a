// SPDX-License-Identifier: MIT
#include <weir/http/upgrade.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <doctest/doctest.h>

#include <weir/executor/sleep.hpp>
#include <weir/http/client.hpp>
#include <weir/http/error.hpp>
#include <weir/http/server.hpp>
#include <weir/sync/event.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "wire.hpp"

using namespace std::chrono_literals;
namespace http = weir::http;

namespace {

/// Answers each read with its bytes in brackets, up to "end".
weir::task<> talk(http::upgraded_stream s) {
    std::array<char, 100> buffer{};
    for (;;) {
        const std::size_t size = co_await s.read(buffer);
        const std::string_view got{buffer.data(), size};
        if (got == "fail") throw std::runtime_error{"talk has failed"};
        if (size == 0 || got == "end") break;
        std::string text{"["};
        text.append(got).append("]");
        co_await s.write(text);
    }
    co_await s.shutdown_write();
}

http::response answer(http::request& r) {
    if (r.path() == "/refuse") return http::response{403};
    http::response made{101, {}, {{"Connection", "Upgrade"}, {"Upgrade", "brackets"}}};
    if (r.path() != "/none") made.upgrade = talk;
    return made;
}

class served {
public:
    served() {
        http::server_options options;
        options.date = http::date_header::omitted;
        options.on_error = [this](const std::exception_ptr& error) {
            try {
                std::rethrow_exception(error);
            } catch (const std::exception& e) {
                failure = e.what();
            }
        };
        handle_.emplace(ex.spawn(http::serve(support::wire_stream{client}, answer, stop_.wait(), options)));
        ex.run_ready();
    }
    std::string ask(std::string_view text) {
        client.send(text);
        ex.run_ready();
        return client.received();
    }
    void stop() {
        stop_.set();
        ex.run_ready();
    }
    void drop() { handle_.reset(); }

    support::wire client;
    weir::testing::virtual_executor ex;
    std::string failure;

private:
    weir::event stop_;
    std::optional<weir::join_handle<weir::task<>>> handle_;
};

constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: brackets\r\n\r\n";
constexpr std::string_view switching =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: brackets\r\n\r\n";

} // namespace

TEST_SUITE("http/upgrade") {
    TEST_CASE("a response hands its connection to another protocol") {
        served s;
        CHECK(s.ask(request) == switching);
        CHECK(s.ask("abc") == "[abc]");
        CHECK(s.ask("GET / HTTP/1.1\r\n\r\n") == "[GET / HTTP/1.1\r\n\r\n]");
        s.ex.advance(1h); // no timeout of HTTP is left
        CHECK(s.ask("d") == "[d]");
        CHECK(s.ask("end") == "");
        CHECK(s.client.shut_down());
        CHECK(s.client.closed());
        CHECK(s.failure == "");
    }
    TEST_CASE("bytes that arrive with the request belong to the new protocol") {
        served s;
        CHECK(s.ask(std::string{request}.append("abc")) == std::string{switching}.append("[abc]"));
    }
    TEST_CASE("a protocol goes on after the stop of the server, and ends when it is dropped") {
        served s;
        s.ask(request);
        s.stop();
        CHECK(s.ask("a") == "[a]");
        s.drop();
        CHECK(s.client.closed());
        served before;
        before.client.send("GET / HTTP/1.1\r\nHost: a\r\n");
        before.ex.run_ready();
        before.stop();
        CHECK(before.ask("\r\n") == switching);
    }
    TEST_CASE("the failure of a protocol is reported") {
        served s;
        s.ask(request);
        CHECK(s.ask("fail") == "");
        CHECK(s.failure == "talk has failed");
        CHECK(s.client.closed());
    }
    TEST_CASE("a response that cannot be an upgrade fails") {
        const auto status = [](std::string_view text) { return served{}.ask(text).substr(0, 12); };
        CHECK(status("GET /none HTTP/1.1\r\nHost: a\r\n\r\n") == "HTTP/1.1 500");
        CHECK(status("GET / HTTP/1.0\r\nHost: a\r\n\r\n") == "HTTP/1.1 500");
        CHECK(status("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx") == "HTTP/1.1 500");
    }
    TEST_CASE("a client's connection changes its protocol, or is refused") {
        support::wire server;
        weir::testing::virtual_executor ex;
        std::string got;
        const auto run = [&](std::string_view path) -> weir::task<> {
            http::connection c{support::wire_stream{server}};
            http::client_request r{"GET", http::url{"http://a"}.resolve(path)};
            r.headers.add("Connection", "Upgrade").add("Upgrade", "brackets");
            try {
                auto upgrading = http::upgrade(std::move(c), std::move(r));
                http::upgraded_response answered = co_await std::move(upgrading);
                got.append(*answered.head.headers.get("Upgrade"));
                auto talking = talk(std::move(answered.stream));
                co_await std::move(talking);
            } catch (const std::exception& e) {
                got.append(e.what());
            }
        };
        {
            auto handle = ex.spawn(run("/x"));
            ex.run_ready();
            CHECK(server.received() ==
                  "GET /x HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: brackets\r\n\r\n");
            server.send("HTTP/1.1 103 Early Hints\r\n\r\n");
            server.send(std::string{switching}.append("abc"));
            ex.run_ready();
            CHECK(got == "brackets");
            CHECK(server.received() == "[abc]");
            ex.advance(1h);
            server.send("end");
            ex.run_ready();
            CHECK(server.shut_down());
        }
        got.clear();
        auto handle = ex.spawn(run("/refuse"));
        ex.run_ready();
        server.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
        ex.run_ready();
        CHECK(got == "weir::http: upgrade at http://a: the status is 403");
    }
    TEST_CASE("a dropped read of an upgraded stream loses no bytes") {
        support::wire peer;
        weir::testing::virtual_executor ex;
        http::upgraded_stream s{support::wire_stream{peer}};
        std::string got;
        std::array<char, 10> buffer{};
        {
            const auto run = [&]() -> weir::task<> { static_cast<void>(co_await s.read(buffer)); };
            auto handle = ex.spawn(run());
            ex.run_ready();
            CHECK(peer.read_waits());
        }
        CHECK_FALSE(peer.read_waits());
        peer.send("abc");
        const auto run = [&]() -> weir::task<> {
            const std::size_t size = co_await s.read(buffer);
            got.assign(buffer.data(), size);
        };
        auto handle = ex.spawn(run());
        ex.run_ready();
        CHECK(got == "abc");
        CHECK(s.name() == "peer");
    }
}

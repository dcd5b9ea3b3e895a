// SPDX-License-Identifier: MIT
#include <weir/http/event.hpp>

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/async_stream.hpp>
#include <weir/executor/sleep.hpp>
#include <weir/http/server.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "wire.hpp"

using namespace std::chrono_literals;
namespace http = weir::http;

namespace {

weir::async_stream<http::event> two_events() {
    http::event one;
    one.data = "a";
    co_yield std::move(one);
    co_await weir::sleep_for(40s);
    http::event two;
    two.data = "b";
    two.id = "2";
    co_yield std::move(two);
}

std::string chunk(const std::string& text) { return std::to_string(text.size()) + "\r\n" + text + "\r\n"; }

} // namespace

TEST_SUITE("http/event") {
    TEST_CASE("an event is sent with its fields, and its data line by line") {
        CHECK(http::to_text({.data = "a"}) == "data: a\n\n");
        CHECK(http::to_text({}) == "data: \n\n");
        CHECK(http::to_text({.data = "a\nb\r\nc\rd\n", .type = "t", .id = "7", .retry_after = 1500ms}) ==
              "event: t\nid: 7\nretry: 1500\ndata: a\ndata: b\ndata: c\ndata: d\ndata: \n\n");
        CHECK(http::to_text({.data = "a", .id = ""}) == "id: \ndata: a\n\n");
    }
    TEST_CASE("an event refuses fields that would become other lines") {
        using namespace std::string_literals;
        CHECK_THROWS_AS(http::to_text({.type = "a\nb"}), std::invalid_argument);
        CHECK_THROWS_AS(http::to_text({.type = "a\rb"}), std::invalid_argument);
        CHECK_THROWS_AS(http::to_text({.id = "a\nb"}), std::invalid_argument);
        CHECK_THROWS_AS(http::to_text({.id = "a\0b"s}), std::invalid_argument);
        CHECK_THROWS_AS(http::to_text({.retry_after = -1s}), std::invalid_argument);
    }
    TEST_CASE("events are sent as they arrive, with comments in silence") {
        support::wire client;
        weir::testing::virtual_executor ex;
        const auto handler = [](http::request&) { return http::events(two_events()); };
        const auto handle =
            ex.spawn(http::serve(support::wire_stream{client}, handler, {.date = http::date_header::omitted}));
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        ex.run_ready();
        CHECK(client.received() == "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n"
                                   "Transfer-Encoding: chunked\r\n\r\n" +
                                       chunk("data: a\n\n"));
        ex.advance(15s);
        CHECK(client.received() == chunk(":\n\n"));
        ex.advance(15s);
        CHECK(client.received() == chunk(":\n\n"));
        ex.advance(10s);
        CHECK(client.received() == "f\r\nid: 2\ndata: b\n\n\r\n0\r\n\r\n");
    }
    TEST_CASE("events refuse a silence that is not positive") {
        CHECK_THROWS_AS(static_cast<void>(http::events(two_events(), 0s)), std::invalid_argument);
    }
}

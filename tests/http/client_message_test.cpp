// SPDX-License-Identifier: MIT
#include <weir/http/client_message.hpp>

#include <cstddef>
#include <string>
#include <utility>

#include <doctest/doctest.h>

#include <weir/http/error.hpp>
#include <weir/http/exchange.hpp>
#include <weir/sink/count.hpp>
#include <weir/task.hpp>
#include <weir/testing/virtual_executor.hpp>

#include "wire.hpp"

using weir::testing::virtual_executor;
namespace http = weir::http;

TEST_SUITE("http/client_message") {
    TEST_CASE("text collects a body up to a limit") {
        const auto text = [](std::size_t most) {
            support::wire server;
            virtual_executor ex;
            server.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
            auto run = [&]() -> weir::task<std::string> {
                http::client_request request{"GET", http::url{"http://a"}};
                auto exchanging = http::exchange(support::wire_stream{server}, std::move(request));
                auto r = co_await std::move(exchanging);
                auto reading = std::move(r).text(most);
                co_return co_await std::move(reading);
            };
            return ex.run(run());
        };
        CHECK(text(5) == "abcde");
        CHECK_THROWS_WITH_AS(text(4), "weir::http: read from peer: the body has more than 4 bytes",
                             http::message_too_large);
    }
    TEST_CASE("the body of a response that is moved away owns the connection") {
        support::wire server;
        virtual_executor ex;
        server.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");
        auto open = [&]() -> weir::task<http::response_body> {
            http::client_request request{"GET", http::url{"http://a"}};
            auto exchanging = http::exchange(support::wire_stream{server}, std::move(request));
            auto r = co_await std::move(exchanging);
            CHECK(r.url() == http::url{"http://a"});
            co_return std::move(r).body();
        };
        {
            http::response_body body = ex.run(open());
            CHECK_FALSE(server.closed());
            CHECK(ex.run(std::move(body) | weir::count()) == 1);
        }
        CHECK(server.closed());
    }
}
